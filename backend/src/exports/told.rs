//! What exports tell of a node.

use shared::node::Condition;
use shared::overview::Standing;
use shared::wire::Reading;

use crate::head::fleet::NodeDetail;
use crate::head::{AsOf, Head, HeadGone};

/// All nodes, with the moment.
pub(super) async fn nodes(head: &Head) -> Result<AsOf<Vec<NodeDetail>>, HeadGone> {
    head.nodes().await
}

/// The node's last reading, if it is young.
pub(super) fn fresh(node: &NodeDetail, now_ms: u64) -> Option<&Reading> {
    let latest = node.state.latest.as_ref()?;
    let period_ms = node.state.period_ms.into();
    let (condition, _) = Condition::of(&node.standing, Some(latest.at_ms), period_ms, now_ms);
    matches!(condition, Condition::Live | Condition::Late).then_some(latest)
}

/// Whether the node belongs to this head no more.
pub(super) fn is_revoked(node: &NodeDetail) -> bool {
    matches!(node.standing, Standing::Refused { .. })
}
