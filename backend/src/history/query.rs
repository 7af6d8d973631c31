//! What is asked of the past: from when to when, which fields, and how fine.

mod step;
mod time;

use std::ops::Range;

use shared::Field;
use shared::history::Tier;

use super::error::StoreError;
use super::reader::Reader;

pub use step::{Fineness, parse as parse_step};
pub use time::{END_MS, parse as parse_time, rfc3339};

/// Buckets of one node that are told at once, at most.
pub const MOST_BUCKETS: u64 = 100_000;
/// Days of single readings that are told at once, at most.
pub const MOST_RAW_DAYS: u64 = 31;
/// What `points` may be at most.
pub const MOST_POINTS: u64 = 20_000;
/// Buckets if nobody says how many.
pub const POINTS: u64 = 1200;
/// Fields if nobody says which.
pub const FIELDS: [Field; 6] = [
    Field::Total,
    Field::Free,
    Field::Available,
    Field::SwapTotal,
    Field::SwapFree,
    Field::PressureSome,
];

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What is wrong with a question, in a sentence that says what is right.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// No time.
    #[error(
        "{name}={text:?} is no time; write ms since 1970, a time such as 2026-11-20T08:00:00Z, `now`, \
         or one before now such as -90m, -24h or -7d"
    )]
    Time {
        /// Of the parameter.
        name: &'static str,
        /// What was said.
        text: String,
    },
    /// It ends before it begins.
    #[error("`from` must be before `to`")]
    Backwards,
    /// No step.
    #[error(
        "step={0:?} is no step; write `raw`, or a number of s, m, h or d from 1s to 366d, such as 10s"
    )]
    Step(String),
    /// No number of points.
    #[error("points={0:?} is no number from 1 to {MOST_POINTS}")]
    Points(String),
    /// Both.
    #[error("say either `step` or `points`")]
    StepAndPoints,
    /// No field.
    #[error(
        "there is no field {0:?}; /api/v1/fields lists them, docs/fields.md too, and `all` is all of them"
    )]
    Field(String),
    /// A band of what is not told.
    #[error("`bands` has {0:?}, which is not among the fields")]
    Band(&'static str),
    /// Too many buckets.
    #[error(
        "that is {count} buckets for each node, and at most {MOST_BUCKETS} are told at once; take a \
         larger step or a shorter time"
    )]
    ManyBuckets {
        /// So many.
        count: u64,
    },
    /// Too many readings.
    #[error(
        "single readings are told for {MOST_RAW_DAYS} days at once at most, and that is {days}; take a \
         step, or a shorter time"
    )]
    ManyDays {
        /// So many.
        days: u64,
    },
}

/// A question as its words say it. `None` is what was not said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words<'a> {
    /// From when on.
    pub from: Option<&'a str>,
    /// To when; what was taken then is not meant.
    pub to: Option<&'a str>,
    /// How wide buckets are, or `raw`.
    pub step: Option<&'a str>,
    /// How many buckets, about.
    pub points: Option<&'a str>,
    /// Ids of fields, separated by commas.
    pub fields: Option<&'a str>,
    /// Those of them whose least and most are wanted besides.
    pub bands: Option<&'a str>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// When: ms since 1970.
    pub span: Range<u64>,
    /// How fine.
    pub fineness: Fineness,
    /// Which fields.
    pub fields: Vec<Field>,
    /// Those of them whose least and most are wanted besides, where only means are told.
    pub bands: Vec<Field>,
}

/// How it is answered, the same for all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When: ms since 1970. Begins where a bucket does.
    pub span: Range<u64>,
    /// Of what it is made.
    pub tier: Tier,
    /// The width of a bucket, in ms; 0 for single readings.
    pub step_ms: u64,
    /// Which fields.
    pub fields: Vec<Field>,
    /// See [`Query::bands`].
    pub bands: Vec<Field>,
}

impl Query {
    /// Reads the words of a question. Relative times count from `now_ms`.
    pub fn parse(words: &Words<'_>, now_ms: u64) -> Result<Self, BadQuery> {
        let span = span(words.from, words.to, HOUR_MS, now_ms)?;
        let fineness = match (words.step, words.points) {
            (Some(_), Some(_)) => return Err(BadQuery::StepAndPoints),
            (Some(step), None) => step::parse(step)?,
            (None, Some(points)) => step::points(points)?,
            (None, None) => Fineness::Points(POINTS),
        };
        let fields = words.fields.map_or_else(|| Ok(FIELDS.to_vec()), fields)?;
        let bands = words.bands.map_or_else(|| Ok(Vec::new()), self::fields)?;
        match bands.iter().find(|band| !fields.contains(band)) {
            Some(band) => Err(BadQuery::Band(band.def().id)),
            None => Ok(Self { span, fineness, fields, bands }),
        }
    }

    /// How `reader` answers it; the inner error is that it would be too much.
    pub fn plan(self, reader: &Reader) -> Result<Result<Plan, BadQuery>, StoreError> {
        let begins = Begins::of(reader)?;
        Ok(self.plan_of(&begins))
    }

    fn plan_of(self, begins: &Begins) -> Result<Plan, BadQuery> {
        let Self { span, fineness, fields, bands } = self;
        // Nothing is asked of the time before a tier begins.
        let told = |tier: Tier| span.end.saturating_sub(span.start.max(begins.0[tier as usize]));
        let Some(step_ms) = fineness.step_ms(span.end - span.start) else {
            let days = told(Tier::Raw).div_ceil(DAY_MS);
            if days > MOST_RAW_DAYS {
                return Err(BadQuery::ManyDays { days });
            }
            return Ok(Plan { span, tier: Tier::Raw, step_ms: 0, fields, bands });
        };
        let tier = begins.tier(Tier::of_step(step_ms), span.start);
        let step_ms = match tier.step_ms() {
            0 => step_ms,
            width => step_ms.next_multiple_of(width),
        };
        let count = told(tier).div_ceil(step_ms);
        if count > MOST_BUCKETS {
            return Err(BadQuery::ManyBuckets { count });
        }
        let span = span.start / step_ms * step_ms..span.end;
        Ok(Plan { span, tier, step_ms, fields, bands })
    }
}

/// A time from `from` to `to`, or, if those were not said, the last `usual_ms`.
pub fn span(
    from: Option<&str>,
    to: Option<&str>,
    usual_ms: u64,
    now_ms: u64,
) -> Result<Range<u64>, BadQuery> {
    let time = |name, text: Option<&str>, usual| match text {
        Some(text) => time::parse(text, now_ms)
            .ok_or_else(|| BadQuery::Time { name, text: text.chars().take(40).collect() }),
        None => Ok(usual),
    };
    let to = time("to", to, now_ms)?;
    let from = time("from", from, to.saturating_sub(usual_ms))?;
    if from < to { Ok(from..to) } else { Err(BadQuery::Backwards) }
}

/// The fields with these ids, in the order they were said in, each once.
pub fn fields(text: &str) -> Result<Vec<Field>, BadQuery> {
    if text == "all" {
        return Ok(Field::ALL.to_vec());
    }
    let mut fields = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let unknown = || BadQuery::Field(id.chars().take(40).collect());
        let field = Field::by_id(id).ok_or_else(unknown)?;
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    if fields.is_empty() { Err(BadQuery::Field(String::new())) } else { Ok(fields) }
}

/// Where each tier begins, with what it is not rolled up of yet: ms since 1970. `u64::MAX` if there is
/// nothing.
#[derive(Debug)]
struct Begins([u64; Tier::ALL.len()]);

impl Begins {
    fn of(reader: &Reader) -> Result<Self, StoreError> {
        let mut begins = [u64::MAX; Tier::ALL.len()];
        let mut finer = u64::MAX;
        for (begin, tier) in begins.iter_mut().zip(Tier::ALL) {
            // What is not rolled up yet is made of what is finer.
            finer = finer.min(reader.oldest_ms(tier)?.unwrap_or(u64::MAX));
            *begin = finer;
        }
        Ok(Self(begins))
    }

    /// The finest tier from `tier` on that reaches back to `from_ms`, or else as far as any does.
    fn tier(&self, mut tier: Tier, from_ms: u64) -> Tier {
        while self.0[tier as usize] > from_ms {
            // The bucket that has a tier's first reading begins before it.
            let reaches_on = |other: &Tier| {
                self.0[*other as usize]
                    < self.0[tier as usize] / other.step_ms().max(1) * other.step_ms().max(1)
            };
            let coarser = Tier::ALL.into_iter().filter(|&other| other > tier).find(reaches_on);
            match coarser {
                Some(coarser) => tier = coarser,
                None => break,
            }
        }
        tier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn parse(words: Words<'_>) -> Result<Query, String> {
        Query::parse(&words, NOW).map_err(|error| error.to_string())
    }

    #[test]
    fn without_words_it_is_the_last_hour() {
        let query = parse(Words::default()).unwrap();
        assert_eq!(query.span, NOW - HOUR_MS..NOW);
        assert_eq!(query.fineness, Fineness::Points(1200));
        assert_eq!(query.fields, FIELDS);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let none = Words::default();
        for (words, says) in [
            (Words { from: Some("yesterday"), ..none }, "from=\"yesterday\" is no time"),
            (Words { to: Some(""), ..none }, "to=\"\" is no time"),
            (Words { from: Some("now"), to: Some("-1h"), ..none }, "before `to`"),
            (Words { step: Some("1y"), ..none }, "step=\"1y\" is no step"),
            (Words { points: Some("0"), ..none }, "from 1 to 20000"),
            (Words { step: Some("1m"), points: Some("5"), ..none }, "either `step` or `points`"),
            (Words { fields: Some("free,nope"), ..none }, "no field \"nope\""),
            (Words { fields: Some(" , "), ..none }, "no field \"\""),
            (Words { fields: Some("free"), bands: Some("total"), ..none }, "not among the fields"),
        ] {
            let error = parse(words).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let fields = parse(Words { fields: Some("free, total,free"), ..none }).unwrap().fields;
        assert_eq!(fields, [Field::Free, Field::Total]);
        assert_eq!(parse(Words { fields: Some("all"), ..none }).unwrap().fields, Field::ALL);
    }

    fn plan(from: &str, step: Option<&str>, begins: [u64; 5]) -> Result<(Tier, u64), String> {
        let query = parse(Words { from: Some(from), step, ..Words::default() })?;
        let plan = query.plan_of(&Begins(begins)).map_err(|error| error.to_string())?;
        assert_eq!(plan.span.start % plan.step_ms.max(1), 0);
        Ok((plan.tier, plan.step_ms))
    }

    #[test]
    fn the_tier_reaches_back_to_where_it_begins() {
        let ago = |days: u64| NOW - days * DAY_MS;
        let begins = [ago(7), ago(30), ago(120), ago(400), ago(1000)];
        for (from, step, tier, step_ms) in [
            ("-1h", None, Tier::Raw, 5000),
            ("-24h", Some("1m"), Tier::Minute, 60_000),
            ("-24h", Some("1s"), Tier::Raw, 1000),
            ("-8d", Some("1s"), Tier::TenSeconds, 10_000),
            ("-8d", Some("15s"), Tier::TenSeconds, 20_000),
            ("-31d", Some("15s"), Tier::Minute, 60_000),
            ("-30d", None, Tier::TenMinutes, 3_600_000),
            ("-900d", Some("1d"), Tier::TwoHours, DAY_MS),
            ("-2000d", Some("1d"), Tier::TwoHours, DAY_MS),
            ("-8d", Some("raw"), Tier::Raw, 0),
        ] {
            assert_eq!(plan(from, step, begins), Ok((tier, step_ms)), "{from} {step:?}");
        }
        // A young store: where coarser tiers begin is only where their first bucket does.
        let first = NOW - 1_800_000 + 7;
        let begins = Tier::ALL.map(|tier| first / tier.step_ms().max(1) * tier.step_ms().max(1));
        assert_eq!(plan("-1h", Some("1s"), begins), Ok((Tier::Raw, 1000)));
        let nothing = [u64::MAX; 5];
        assert_eq!(plan("-1h", Some("1s"), nothing), Ok((Tier::Raw, 1000)));
        assert_eq!(plan("0", Some("raw"), nothing), Ok((Tier::Raw, 0)));
    }

    #[test]
    fn too_much_is_refused() {
        let begins = [NOW - 100 * DAY_MS; 5];
        let error = plan("0", Some("10s"), begins).unwrap_err();
        assert!(error.starts_with("that is 864000 buckets"), "{error}");
        let error = plan("-32d", Some("raw"), begins).unwrap_err();
        assert!(error.contains("31 days") && error.contains("that is 32"), "{error}");
        assert_eq!(plan("-31d", Some("raw"), begins), Ok((Tier::Raw, 0)));
        let begins = [NOW - 7 * DAY_MS, 0, 0, 0, 0];
        assert_eq!(plan("0", Some("raw"), begins), Ok((Tier::Raw, 0)), "there is only a week");
    }
}
