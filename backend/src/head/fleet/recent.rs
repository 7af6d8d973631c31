//! The last five minutes of nodes.

use shared::NodeId;
use shared::window::Window;
use shared::wire::{NodePast, NodeWindow, Reading};

use super::{Fleet, Numbered};
use crate::head::node::Node;

impl Fleet {
    /// The last five minutes of a node; empty for a number that no node has.
    #[must_use]
    pub fn window(&self, number: u32) -> NodeWindow {
        NodeWindow { node: number, readings: self.readings(number).collect() }
    }

    /// The same, packed.
    #[must_use]
    pub fn past(&self, number: u32) -> NodePast {
        // What is held is one for each second of the node's clock at most: nothing is left out again.
        let mut window = Window::default();
        self.readings(number).for_each(|reading| window.push(reading));
        NodePast { node: number, past: window.pack() }
    }

    fn readings(&self, number: u32) -> impl Iterator<Item = Reading> {
        self.node(number).into_iter().flat_map(Node::readings)
    }

    /// The last five minutes of the node with this id, with the numbers of the readings.
    #[must_use]
    pub fn numbered(&self, id: &NodeId) -> Option<Vec<Numbered>> {
        let numbered = self.node(self.number_of(id)?)?.record.numbered();
        Some(
            numbered
                .map(|(boot, seq, reading)| Numbered { boot: boot.map(Into::into), seq, reading })
                .collect(),
        )
    }
}
