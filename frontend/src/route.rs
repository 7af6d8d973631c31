//! Addresses: each view of the page has one, which shows another person the same.

use std::fmt::Write as _;

use crate::fit::Wish;
use crate::fleet::order::{Column, Order};
use crate::time::Time;

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The cluster.
    #[default]
    Overview,
    /// One node, by its id.
    Node(String),
    /// Nodes side by side, by their ids.
    Compare(Vec<String>),
    /// What went wrong.
    Incidents,
}

/// How the nodes of a cluster are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// One line for each.
    List,
    /// Nodes over time, as colours.
    Heat,
}

/// An address, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// What is looked at.
    pub place: Place,
    /// How; `None` leaves it to the number of nodes.
    pub view: Option<View>,
    /// Which nodes, in which order.
    pub order: Order,
    /// Whether amounts are shares of each node's total, not on one scale.
    pub by_share: bool,
    /// What is asked about the next job.
    pub wish: Wish,
    /// When.
    pub time: Time,
}

/// Nodes that can be compared at most.
pub const MOST_COMPARED: usize = 8;

impl Route {
    /// The route of a path such as `/nodes/pi-07`, and of what follows the `?`. What it does not know
    /// is left out.
    #[must_use]
    pub fn parse(path: &str, query: &str) -> Self {
        let mut route = Self::default();
        let (mut nodes, mut from) = (Vec::new(), None);
        for pair in query.trim_start_matches('?').split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match key {
                "view" => {
                    route.view = match value.as_str() {
                        "list" => Some(View::List),
                        "heat" => Some(View::Heat),
                        _ => None,
                    }
                }
                "sort" => {
                    let name = value.trim_start_matches('-');
                    if let Some(column) = Column::ALL.into_iter().find(|one| one.id() == name) {
                        route.order.column = column;
                        route.order.is_reversed = value.starts_with('-');
                    }
                }
                "group" => route.order.group = value,
                "filter" => route.order.filter = value,
                "bars" => route.by_share = value == "share",
                "nodes" => {
                    nodes = value.split(',').filter(|id| !id.is_empty()).map(Into::into).collect();
                    nodes.truncate(MOST_COMPARED);
                }
                key if route.wish.read(key, &value) => {}
                _ => route.time.read(key, &value, &mut from),
            }
        }
        if path == "/compare" {
            route.place = Place::Compare(nodes);
        } else if path == "/incidents" {
            route.place = Place::Incidents;
        } else if let Some(id) = path.strip_prefix("/nodes/") {
            route.place = Place::Node(decoded(id));
        }
        route
    }

    /// Its address: path and query.
    #[must_use]
    pub fn address(&self) -> String {
        let mut address = String::new();
        let mut separator = '?';
        let mut add = |address: &mut String, key: &str, value: &str| {
            if !value.is_empty() {
                address.push(separator);
                address.push_str(key);
                address.push('=');
                address.push_str(value);
                separator = '&';
            }
        };
        match &self.place {
            Place::Overview => address.push('/'),
            Place::Incidents => address.push_str("/incidents"),
            Place::Node(id) => {
                address.push_str("/nodes/");
                address.push_str(&encoded(id));
            }
            Place::Compare(ids) => {
                address.push_str("/compare");
                let ids: Vec<String> = ids.iter().map(|id| encoded(id)).collect();
                add(&mut address, "nodes", &ids.join(","));
            }
        }
        if self.place == Place::Overview {
            let view = match self.view {
                None => "",
                Some(View::List) => "list",
                Some(View::Heat) => "heat",
            };
            add(&mut address, "view", view);
            let Order { column, is_reversed, group, filter } = &self.order;
            if *column != Column::Name || *is_reversed {
                let sign = if *is_reversed { "-" } else { "" };
                add(&mut address, "sort", &[sign, column.id()].concat());
            }
            add(&mut address, "group", &encoded(group));
            add(&mut address, "filter", &encoded(filter));
            self.wish.write(&mut |key, value| add(&mut address, key, value));
        }
        let by_share = self.by_share && !matches!(self.place, Place::Node(_) | Place::Incidents);
        add(&mut address, "bars", if by_share { "share" } else { "" });
        self.time.write(&mut |key, value| add(&mut address, key, value));
        address
    }
}

/// A value as it may stand in an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

/// The opposite; what is no escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |place: usize| char::from(*after.get(place)?).to_digit(16);
        rest = after;
        match (first, digit(0).zip(digit(1))) {
            (b'%', Some((high, low))) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_where_they_came_from() {
        for address in [
            "/",
            "/nodes/pi-07",
            "/compare?nodes=a,b",
            "/compare?nodes=a,b&bars=share",
            "/?view=heat&sort=-available&group=rack&filter=a%20%3C%C3%A4%3E&bars=share",
            "/?view=list&sort=pressure",
            "/?view=heat&range=7d",
            "/?fit=3GiB&copies=4&labels=rack%3Da",
            "/?view=list&fit=3%20GiB&strategy=pack&range=6h",
            "/incidents",
            "/nodes/pi-07?from=1795435387000&to=1795521787000&at=1795500000000",
            "/compare?nodes=a,b&bars=share&range=6h",
        ] {
            let (path, query) = address.split_once('?').unwrap_or((address, ""));
            assert_eq!(Route::parse(path, query).address(), address);
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(Route::parse("/", "?view=cube&sort=luck&x"), Route::default());
        assert_eq!(Route::parse("/elsewhere", "").place, Place::Overview);
        let many = (0..20).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let route = Route::parse("/compare", &format!("nodes={many}"));
        assert!(matches!(route.place, Place::Compare(ids) if ids.len() == MOST_COMPARED));
        assert_eq!(decoded("100%+%zz%41"), "100% %zzA");
    }
}
