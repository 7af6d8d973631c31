//! How history fares, and what that means for this fleet.

use shared::history::{HistoryStatus, Tier, TierStatus};

use super::error::StoreError;
use super::store::{Limits, Snapshot, Store};

const DAY_MS: u64 = 86_400_000;
/// Bytes a day of one node, in each tier, where nothing was measured yet: the whole field table of a
/// small machine at one reading a second.
const USUAL: [u64; Tier::ALL.len()] = [1_300_000, 500_000, 120_000, 15_000, 2_000];

impl Store {
    /// How it fares, but for what only its keeper knows.
    pub fn status(&self, now_ms: u64) -> Result<HistoryStatus, StoreError> {
        let reader = self.read()?;
        let now = &*reader.now;
        let nodes = now.index.ids.len() as u32;
        let per_day = Tier::ALL.map(|tier| now.bytes_per_day(tier, now_ms));
        let bytes_per_day = per_day.iter().sum();
        let rooms = rooms(&per_day, &now.limits);
        let mut tiers = Vec::new();
        for (tier, room_days) in Tier::ALL.into_iter().zip(rooms) {
            let keep = now.limits.keep[tier as usize];
            tiers.push(TierStatus {
                tier,
                from_ms: reader.oldest_ms(tier)?,
                bytes: now.index.bytes(tier),
                keep_days: u32::try_from(keep.as_secs() / 86_400).unwrap_or(u32::MAX),
                room_days,
            });
        }
        let outlook = outlook(nodes, bytes_per_day, &tiers, now.limits.max_bytes);
        Ok(HistoryStatus {
            is_kept: true,
            bytes: now.bytes,
            max_bytes: now.limits.max_bytes,
            nodes,
            bytes_per_day,
            tiers,
            outlook,
            ..HistoryStatus::default()
        })
    }
}

impl Snapshot {
    /// Bytes that a day takes: measured from the last two days, if there is most of one.
    fn bytes_per_day(&self, tier: Tier, now_ms: u64) -> u64 {
        let from_ms = now_ms.saturating_sub(2 * DAY_MS);
        let reach = if tier == Tier::Raw { from_ms } else { 0 };
        let recent = self.index.of(tier).filter(|(_, s)| s.last_ms >= reach && s.last_ms <= now_ms);
        let (mut bytes, mut first_ms, mut last_ms) = (0, u64::MAX, 0);
        for (_, segment) in recent {
            bytes += segment.on_disk;
            first_ms = first_ms.min(segment.first_ms);
            last_ms = last_ms.max(segment.last_ms);
        }
        let span_ms = last_ms.saturating_sub(first_ms);
        let nodes = self.index.ids.len() as u64;
        if first_ms == u64::MAX || span_ms < DAY_MS / 2 {
            return USUAL[tier as usize] * nodes;
        }
        (u128::from(bytes) * u128::from(DAY_MS) / u128::from(span_ms)) as u64
    }
}

/// For how many days of each tier there is room: coarser ones go last.
fn rooms(per_day: &[u64; Tier::ALL.len()], limits: &Limits) -> [u32; Tier::ALL.len()] {
    let mut rest = limits.max_bytes / 32 * 31;
    let mut rooms = [0; Tier::ALL.len()];
    for tier in Tier::ALL.into_iter().rev() {
        let n = tier as usize;
        let keep_days = limits.keep[n].as_secs() / 86_400;
        let fits = rest.checked_div(per_day[n]).unwrap_or(keep_days).min(keep_days);
        rest -= fits.saturating_mul(per_day[n]).min(rest);
        rooms[n] = u32::try_from(fits).unwrap_or(u32::MAX);
    }
    rooms
}

fn outlook(nodes: u32, bytes_per_day: u64, tiers: &[TierStatus], max_bytes: u64) -> String {
    if nodes == 0 {
        return "No node has reported yet.".into();
    }
    let (noun, verb) = if nodes == 1 { ("node", "takes") } else { ("nodes", "take") };
    let mega = bytes_per_day.div_ceil(1_000_000);
    let max = size(max_bytes);
    let [raw, .., ten_minutes, _] = tiers else { return String::new() };
    let short = tiers.iter().any(|tier| tier.room_days < tier.keep_days);
    let seconds = if raw.room_days == 0 {
        "less than a day of every second".to_owned()
    } else {
        format!("every second of the last {}", days(raw.room_days))
    };
    let coarse = format!("{} at 10 minutes", days(ten_minutes.room_days));
    let lacks = if short {
        format!(
            ", not the {} and {} that are set",
            days(raw.keep_days),
            days(ten_minutes.keep_days)
        )
    } else {
        String::new()
    };
    format!(
        "{nodes} {noun} {verb} about {mega} MB a day: {seconds}, and {coarse}, fit into {max}{lacks}."
    )
}

fn days(days: u32) -> String {
    match days {
        1 => "1 day".into(),
        365..=729 => "a year".into(),
        730.. => format!("{} years", days / 365),
        _ => format!("{days} days"),
    }
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) {
        format!("{} GiB", bytes >> 30)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}
