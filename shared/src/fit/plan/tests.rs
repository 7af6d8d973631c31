//! Against a placer that tries everything.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Strategy as Made;

use super::*;
use crate::fit::Strategy;

/// A job on a small fleet.
#[derive(Clone, Debug)]
struct Case {
    spaces: Vec<Space>,
    size: u64,
    copies: u32,
    most: Option<u32>,
}

fn case() -> impl Made<Value = Case> {
    // Few sizes, so that nodes are often alike and often full to the byte.
    (vec(0..14_u64, 1..5), 1..6_u64, 1..7_u32, proptest::option::of(1..4_u32)).prop_map(
        |(bytes, size, copies, most)| {
            // Ids are not in the order of the list.
            let space = |(n, bytes): (usize, u64)| Space {
                id: NodeId::from_host_name(&format!("pi-{}", (n * 3) % 5)),
                bytes,
            };
            let spaces = bytes.into_iter().enumerate().map(space).collect();
            Case { spaces, size, copies, most }
        },
    )
}

impl Case {
    /// Whether so many copies on each node are within all bounds; nothing is rounded or divided here.
    fn is_sound(&self, placed: &[u32]) -> bool {
        let is_sound_on = |(space, copies): (&Space, &u32)| {
            let bytes: u64 = (0..*copies).map(|_| self.size).sum();
            bytes <= space.bytes && self.most.is_none_or(|most| *copies <= most)
        };
        placed.iter().sum::<u32>() == self.copies && self.spaces.iter().zip(placed).all(is_sound_on)
    }

    /// Every placement there is.
    fn all(&self) -> Vec<Vec<u32>> {
        let mut all = vec![vec![]];
        for _ in &self.spaces {
            let longer = |start: Vec<u32>| {
                (0..=self.copies).map(move |copies| [&start[..], &[copies]].concat())
            };
            all = all.into_iter().flat_map(longer).collect();
        }
        all.retain(|placed| self.is_sound(placed));
        all
    }

    fn place(&self, strategy: Strategy) -> Option<Vec<u32>> {
        place(&self.spaces, self.size, self.copies, self.most, strategy)
    }

    /// What is left where each copy is, after all are placed on its node so far; least first.
    fn left(&self, placed: &[u32]) -> Vec<u64> {
        let mut left: Vec<u64> = self
            .spaces
            .iter()
            .zip(placed)
            .flat_map(|(space, copies)| (1..=*copies).map(|n| space.left(n, self.size)))
            .collect();
        left.sort_unstable();
        left
    }
}

/// From many on one to few.
fn heights(placed: &[u32]) -> Vec<u32> {
    let mut heights = placed.to_vec();
    heights.sort_unstable_by(|a, b| b.cmp(a));
    heights
}

fn used(placed: &[u32]) -> usize {
    placed.iter().filter(|&&copies| copies > 0).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_placed_fits_and_what_fits_is_placed(case in case()) {
        let all = case.all();
        for strategy in Strategy::ALL {
            match case.place(strategy) {
                Some(placed) => prop_assert!(case.is_sound(&placed), "{placed:?}"),
                None => prop_assert!(all.is_empty(), "there is {:?}", all[0]),
            }
        }
        prop_assert_eq!(
            room(&case.spaces, case.size, case.most) >= case.copies.into(),
            !all.is_empty()
        );
    }

    #[test]
    fn packed_is_on_the_fewest_nodes(case in case()) {
        if let Some(placed) = case.place(Strategy::Pack) {
            let fewest = case.all().iter().map(|placed| used(placed)).min();
            prop_assert_eq!(Some(used(&placed)), fewest);
        }
    }

    #[test]
    fn spread_is_on_the_most_nodes_as_evenly_as_can_be(case in case()) {
        if let Some(placed) = case.place(Strategy::Spread) {
            let all = case.all();
            prop_assert_eq!(Some(used(&placed)), all.iter().map(|placed| used(placed)).max());
            prop_assert_eq!(Some(heights(&placed)), all.iter().map(|p| heights(p)).min());
        }
    }

    #[test]
    fn each_copy_goes_where_most_is_left(case in case()) {
        if let Some(placed) = case.place(Strategy::MostHeadroom) {
            let best = case.all().iter().map(|placed| case.left(placed)).max();
            prop_assert_eq!(Some(case.left(&placed)), best);
            // One by one, as it is said.
            let mut turns = vec![0; case.spaces.len()];
            for _ in 0..case.copies {
                let free = |n: &usize| turns[*n] < case.spaces[*n].room(case.size, case.most);
                let key = |n: usize| (case.spaces[n].left(turns[n], case.size), &case.spaces[n].id);
                let next = (0..turns.len()).filter(free).max_by(|&a, &b| {
                    let ((left_a, id_a), (left_b, id_b)) = (key(a), key(b));
                    left_a.cmp(&left_b).then_with(|| id_b.cmp(id_a))
                });
                turns[next.unwrap()] += 1;
            }
            prop_assert_eq!(placed, turns);
        }
    }

    #[test]
    fn the_largest_fits_and_a_byte_more_does_not(case in case()) {
        let largest = largest(&case.spaces, case.copies, case.most);
        let fits = |size: u64| !Case { size, ..case.clone() }.all().is_empty();
        prop_assert!(largest == 0 || fits(largest));
        prop_assert!(!fits(largest + 1));
    }

    #[test]
    fn the_order_of_nodes_does_not_matter(case in case()) {
        let mut turned = case.clone();
        turned.spaces.reverse();
        for strategy in Strategy::ALL {
            let mut placed = turned.place(strategy);
            if let Some(placed) = &mut placed {
                placed.reverse();
            }
            prop_assert_eq!(case.place(strategy), placed);
        }
    }
}

fn spaces(bytes: &[u64]) -> Vec<Space> {
    let space = |(n, &bytes)| Space { id: NodeId::from_host_name(&format!("pi-{n}")), bytes };
    bytes.iter().enumerate().map(space).collect()
}

#[test]
fn what_is_packed_leaves_large_holes_whole() {
    let spaces = spaces(&[100, 30, 31, 70]);
    let pack = |copies| place(&spaces, 10, copies, None, Strategy::Pack).unwrap();
    assert_eq!(pack(3), [0, 3, 0, 0]);
    assert_eq!(pack(4), [0, 0, 0, 4]);
    assert_eq!(pack(13), [10, 3, 0, 0]);
    assert_eq!(pack(14), [10, 0, 0, 4]);
}

#[test]
fn numbers_of_any_size_are_placed_at_once() {
    let many = spaces(&[u64::MAX, u64::MAX, 1 << 40]);
    for strategy in Strategy::ALL {
        let placed = place(&many, 1, u32::MAX, None, strategy).unwrap();
        assert_eq!(placed.iter().map(|&c| u64::from(c)).sum::<u64>(), u64::from(u32::MAX));
    }
    assert_eq!(largest(&many, 2, Some(1)), u64::MAX);
    assert_eq!(largest(&many, 1, None), u64::MAX);
    assert_eq!(largest(&[], 1, None), 0);
    assert_eq!(place(&[], 1, 1, None, Strategy::Spread), None);
}
