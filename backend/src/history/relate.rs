//! What follows from other fields: the kernel makes some numbers of others, and memory that is not here
//! is there. What such a relation leaves is often the same for hours, and takes a few bytes.

use shared::Field;

/// That a field is a sum of others, but for something that changes little.
pub(super) struct Relation {
    pub(super) field: Field,
    pub(super) plus: &'static [Field],
    pub(super) minus: &'static [Field],
}

use Field::{
    Active, ActiveAnon, ActiveFile, Anon, Available, Buffers, Cached, Free, Inactive, InactiveAnon,
    InactiveFile, KernelStack, PageTables, Shmem, Slab, SlabReclaimable, SlabUnreclaimable,
};

/// All of them; only appended, for their places are on disk. None of the fields leads back to itself,
/// and what is asked for most, [`Field::Available`], follows from no other.
pub(super) const RELATIONS: &[Relation] = &[
    Relation { field: Slab, plus: &[SlabReclaimable, SlabUnreclaimable], minus: &[] },
    Relation { field: Active, plus: &[ActiveFile, ActiveAnon], minus: &[] },
    Relation { field: Inactive, plus: &[InactiveFile, InactiveAnon], minus: &[] },
    Relation { field: InactiveFile, plus: &[Cached, Buffers], minus: &[Shmem, ActiveFile] },
    Relation { field: InactiveAnon, plus: &[Anon, Shmem], minus: &[ActiveAnon] },
    Relation { field: Free, plus: &[Available, Shmem], minus: &[Cached, Buffers, SlabReclaimable] },
    Relation { field: Anon, plus: &[], minus: &[Free, Cached, Buffers, SlabReclaimable] },
    Relation {
        field: Anon,
        plus: &[],
        minus: &[Free, Cached, Buffers, Slab, PageTables, KernelStack],
    },
];

impl Relation {
    /// The sum, of what `value` says of each field; `None` if it does not know one. It may wrap.
    pub(super) fn sum<E>(
        &self,
        mut value: impl FnMut(Field) -> Result<Option<u64>, E>,
    ) -> Result<Option<u64>, E> {
        let mut sum = 0_u64;
        for &field in self.plus {
            let Some(value) = value(field)? else { return Ok(None) };
            sum = sum.wrapping_add(value);
        }
        for &field in self.minus {
            let Some(value) = value(field)? else { return Ok(None) };
            sum = sum.wrapping_sub(value);
        }
        Ok(Some(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads_to(from: Field, to: Field, depth: usize) -> bool {
        let of = RELATIONS.iter().filter(|relation| relation.field == from);
        let mut parts = of.flat_map(|relation| relation.plus.iter().chain(relation.minus));
        depth < 99 && parts.any(|&part| part == to || leads_to(part, to, depth + 1))
    }

    #[test]
    fn no_field_follows_from_itself() {
        for &field in Field::ALL {
            assert!(!leads_to(field, field, 0), "{field:?}");
        }
        assert!(leads_to(Inactive, Available, 0));
    }
}
