//! What Kubernetes hands the agents of its nodes.

use serde_json::{Map, Value, json};
use shared::NodeId;

use crate::tls::Fingerprint;

/// The name of the Secret, as `packaging/containers/headroom.yaml` mounts it.
const NAME: &str = "headroom-agents";
/// Under which key the certificate's fingerprint is. No node is called so.
const FINGERPRINT: &str = "HEADROOM_FINGERPRINT";

/// A Secret with a token for each of `names` under its name. All agents of a cluster are made alike, and
/// each takes the one under the name of the node that it runs on.
pub(super) fn secret(
    names: &[NodeId],
    tokens: &[String],
    fingerprint: Option<Fingerprint>,
) -> Value {
    let mut data = Map::new();
    data.extend(fingerprint.map(|it| (FINGERPRINT.to_owned(), it.to_string().into())));
    let each = names.iter().zip(tokens);
    data.extend(each.map(|(name, token)| (name.to_string(), token.clone().into())));
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": NAME },
        "type": "Opaque",
        "stringData": data,
    })
}
