//! Decides where the copies of a job go. Whoever has the same before them decides the same: what is alike
//! is told apart by the nodes' ids.

use super::Strategy;
use crate::NodeId;

/// What one node has for copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// The node.
    pub id: NodeId,
    /// What copies may take there together, in bytes; 0 where none may be placed.
    pub bytes: u64,
}

impl Space {
    /// How many copies of `size` bytes fit, each whole, and no more than `most`.
    #[must_use]
    pub fn room(&self, size: u64, most: Option<u32>) -> u32 {
        let room = u32::try_from(self.bytes / size.max(1)).unwrap_or(u32::MAX);
        room.min(most.unwrap_or(u32::MAX))
    }

    /// What is left after `copies` of `size` bytes.
    fn left(&self, copies: u32, size: u64) -> u64 {
        self.bytes.saturating_sub(size.saturating_mul(copies.into()))
    }
}

/// How many copies of `size` bytes fit on all of them together.
#[must_use]
pub fn room(spaces: &[Space], size: u64, most_per_node: Option<u32>) -> u64 {
    spaces.iter().map(|space| u64::from(space.room(size, most_per_node))).sum()
}

/// The largest size of which so many copies fit, in bytes; 0 if none does.
#[must_use]
pub fn largest(spaces: &[Space], copies: u32, most_per_node: Option<u32>) -> u64 {
    let most = spaces.iter().map(|space| space.bytes).max().unwrap_or(0);
    // The larger, the fewer fit.
    last(most, |size| room(spaces, size, most_per_node) >= copies.into()).unwrap_or(0)
}

/// The largest number from 1 to `most` for which `holds`, which must not hold again once it does not.
fn last(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut from, mut to) = (0, most);
    while from < to {
        let middle = to - (to - from) / 2;
        if holds(middle) { from = middle } else { to = middle - 1 }
    }
    (from > 0).then_some(from)
}

/// How many copies go to each of `spaces`, in their order; `None` if not all fit.
#[must_use]
pub fn place(
    spaces: &[Space],
    size: u64,
    copies: u32,
    most_per_node: Option<u32>,
    strategy: Strategy,
) -> Option<Vec<u32>> {
    let rooms: Vec<u32> = spaces.iter().map(|space| space.room(size, most_per_node)).collect();
    if rooms.iter().map(|&room| u64::from(room)).sum::<u64>() < copies.into() {
        return None;
    }
    let job = Plan { spaces, rooms, size, copies };
    Some(match strategy {
        Strategy::Pack => job.pack(),
        Strategy::Spread => job.spread(),
        Strategy::MostHeadroom => job.most_headroom(),
    })
}

/// What is to be placed. There is room for all of it.
struct Plan<'a> {
    spaces: &'a [Space],
    rooms: Vec<u32>,
    size: u64,
    copies: u32,
}

impl Plan<'_> {
    /// The places of nodes with room, in the order of what `key` says of them, then of their ids.
    fn order<K: Ord>(&self, key: impl Fn(usize) -> K) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.spaces.len()).filter(|&n| self.rooms[n] > 0).collect();
        order.sort_by(|&a, &b| {
            key(a).cmp(&key(b)).then_with(|| self.spaces[a].id.cmp(&self.spaces[b].id))
        });
        order
    }

    /// Fills the largest first, which takes the fewest. What the last of them is to take goes where it fits
    /// most closely: large holes stay whole.
    fn pack(&self) -> Vec<u32> {
        let mut placed = vec![0; self.rooms.len()];
        let mut left = self.copies;
        let order = self.order(|n| (std::cmp::Reverse(self.rooms[n]), self.spaces[n].bytes));
        for &node in &order {
            if left <= self.rooms[node] {
                let closest = order.iter().copied().filter(|&n| placed[n] == 0);
                let closest = closest.filter(|&n| self.rooms[n] >= left).min_by(|&a, &b| {
                    let key = |n: usize| (self.spaces[n].bytes, &self.spaces[n].id);
                    key(a).cmp(&key(b))
                });
                placed[closest.unwrap_or(node)] = left;
                break;
            }
            placed[node] = self.rooms[node];
            left -= self.rooms[node];
        }
        placed
    }

    /// As if each node took one in turn, as long as it has room. Those of the last turn, which is not for
    /// all, go where most is left.
    fn spread(&self) -> Vec<u32> {
        let up_to =
            |turns: u64| -> u64 { self.rooms.iter().map(|&r| u64::from(r).min(turns)).sum() };
        let copies = u64::from(self.copies);
        let most = self.rooms.iter().copied().max().unwrap_or(0);
        let turns = last(most.into(), |turns| up_to(turns) <= copies).unwrap_or(0);
        let whole = u32::try_from(turns).unwrap_or(u32::MAX);
        let mut placed: Vec<u32> = self.rooms.iter().map(|&room| room.min(whole)).collect();
        let order = self.order(|n| std::cmp::Reverse(self.spaces[n].left(placed[n], self.size)));
        let rest = usize::try_from(copies - up_to(turns)).unwrap_or(usize::MAX);
        let with_room: Vec<usize> =
            order.into_iter().filter(|&n| self.rooms[n] > placed[n]).take(rest).collect();
        for node in with_room {
            placed[node] += 1;
        }
        placed
    }

    /// As if each copy in turn went where most is left. A node offers what is left on it before its first
    /// copy, before its second, and so on; the largest offers are taken.
    fn most_headroom(&self) -> Vec<u32> {
        let offers = |node: usize, least: u64| -> u32 {
            let bytes = self.spaces[node].bytes;
            let Some(above) = bytes.checked_sub(least) else { return 0 };
            let count = (above / self.size.max(1)).saturating_add(1);
            u32::try_from(count).unwrap_or(u32::MAX).min(self.rooms[node])
        };
        let taken = |least: u64| -> u64 {
            (0..self.rooms.len()).map(|node| u64::from(offers(node, least))).sum()
        };
        let most = self.spaces.iter().map(|space| space.bytes).max().unwrap_or(0);
        // Whatever fits offers at least as much as it needs, so at least 1.
        let least = last(most, |least| taken(least) >= self.copies.into()).unwrap_or(1);
        let above = least.saturating_add(1);
        let mut placed: Vec<u32> = (0..self.rooms.len()).map(|n| offers(n, above)).collect();
        let mut rest = u64::from(self.copies) - placed.iter().map(|&c| u64::from(c)).sum::<u64>();
        for node in self.order(|_| ()) {
            if rest > 0 && offers(node, least) > placed[node] {
                placed[node] += 1;
                rest -= 1;
            }
        }
        placed
    }
}

#[cfg(test)]
mod tests;
