//! A past that is made up, so that it is known: lines to import, and what buckets of it must be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use shared::Field;
use shared::field::Kind;

use crate::client::get;
use crate::support::{FakeProc, Server, headroom, until};

/// Now, in ms since 1970.
pub(crate) fn now_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

/// A reading.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) node: String,
    pub(crate) boot: String,
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) uptime_us: u64,
    pub(crate) values: BTreeMap<Field, u64>,
}

impl Made {
    /// As a line of an export.
    pub(crate) fn line(&self) -> String {
        let Self { node, boot, seq, at_ms, uptime_us, values } = self;
        let values: Vec<_> =
            values.iter().map(|(field, value)| format!("\"{}\":{value}", field.def().id)).collect();
        format!(
            "{{\"reading\":{{\"node\":\"{node}\",\"boot\":{},\"seq\":{seq},\"at_ms\":{at_ms},\
             \"uptime_us\":{uptime_us},\"sample\":{{{}}}}}}}\n",
            json!(boot),
            values.join(",")
        )
    }
}

/// Lines to import.
pub(crate) fn lines<'a>(all: impl IntoIterator<Item = &'a Made>) -> String {
    let lines: String = all.into_iter().map(Made::line).collect();
    "{\"headroom_history\":1}\n".to_owned() + &lines
}

/// Numbers that look random and are the same each time.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Readings of `node`, one a second or so from `from_ms` on: with a gap of `gap_s` in their middle, and
/// after two thirds a reboot.
pub(crate) fn life(node: &str, from_ms: u64, count: u64, gap_s: u64) -> Vec<Made> {
    let mut numbers = Numbers(node.bytes().map(u64::from).sum());
    let (mut at_ms, mut uptime_us, mut faults) = (from_ms, 7_000_000_000, 1_000_000);
    let (mut boot, mut all) = (1, Vec::new());
    for n in 0..count {
        if n == count / 2 {
            at_ms += gap_s * 1000;
            uptime_us += gap_s * 1_000_000;
        }
        if n == count * 2 / 3 {
            (boot, uptime_us, faults, at_ms) = (2, 12_000_000, 345, at_ms + 30_000);
        }
        let passed_us = 990_000 + numbers.below(20_000);
        uptime_us += passed_us;
        at_ms += passed_us / 1000;
        faults += numbers.below(5000);
        let mut values = BTreeMap::from([
            (Field::Total, 4 << 30),
            (Field::Available, (1 << 30) + numbers.below(1 << 20) * 4096),
            (Field::Faults, faults),
        ]);
        // A kernel that sometimes does not say it.
        if numbers.below(10) > 0 {
            values.insert(Field::Temperature, 40_000 + numbers.below(9000));
        }
        let boot = format!("{node}-boot-{boot}");
        all.push(Made { node: node.into(), boot, seq: 100 + n, at_ms, uptime_us, values });
    }
    all
}

/// What a field came to within a bucket.
#[derive(Debug, Default)]
struct Bucket {
    least: Option<u64>,
    most: u64,
    sum: u128,
    /// Readings, or µs.
    weight: u128,
}

/// The rows that the API must tell of these readings of one node, as it must tell them: computed from
/// all of them, one by one.
pub(crate) fn buckets(all: &[Made], fields: &[Field], step_ms: u64) -> Vec<Value> {
    let mut rows: BTreeMap<u64, (u64, Vec<Bucket>)> = BTreeMap::new();
    for (place, made) in all.iter().enumerate() {
        let begin = made.at_ms / step_ms * step_ms;
        let empty = || (0, fields.iter().map(|_| Bucket::default()).collect());
        let (count, buckets) = rows.entry(begin).or_insert_with(empty);
        *count += 1;
        for (field, bucket) in fields.iter().zip(buckets) {
            let Some(&value) = made.values.get(field) else { continue };
            let (low, high, add, weight) = if field.def().kind == Kind::Gauge {
                (value, value, value.into(), 1)
            } else {
                let before = place.checked_sub(1).map(|before| &all[before]);
                let Some(before) = before.filter(|before| before.boot == made.boot) else {
                    continue;
                };
                let rise = u128::from(value - before.values[field]);
                let took = u128::from(made.uptime_us - before.uptime_us);
                if took > 120_000_000 {
                    continue;
                }
                let low = u64::try_from(rise * 1_000_000 / took).unwrap();
                let high = u64::try_from((rise * 1_000_000).div_ceil(took)).unwrap();
                (low, high, rise, took)
            };
            bucket.least = Some(bucket.least.map_or(low, |least| least.min(low)));
            bucket.most = bucket.most.max(high);
            bucket.sum += add;
            bucket.weight += weight;
        }
    }
    let row = |(begin, (count, buckets)): (u64, (u64, Vec<Bucket>))| {
        let mut row = vec![json!(begin), json!(count)];
        for (field, Bucket { least, most, sum, weight }) in fields.iter().zip(buckets) {
            let Some(least) = least else {
                row.extend([Value::Null, Value::Null, Value::Null]);
                continue;
            };
            let mean = if field.def().kind == Kind::Gauge {
                json!((sum as f64 / weight as f64).round() as u64)
            } else {
                let rate = (sum as f64 * 1e9 / weight as f64).round() / 1000.0;
                // 5.0 is told as 5.
                if rate.fract() == 0.0 { json!(rate as u64) } else { json!(rate) }
            };
            row.extend([json!(least), mean, json!(most)]);
        }
        Value::Array(row)
    };
    rows.into_iter().map(row).collect()
}

/// The rows that the API must tell of single readings.
pub(crate) fn singles(all: &[Made], fields: &[Field]) -> Vec<Value> {
    let row = |made: &Made| {
        let start = [json!(made.at_ms), json!(made.uptime_us), json!(made.boot), json!(made.seq)];
        let values = fields.iter().map(|field| json!(made.values.get(field)));
        Value::Array(start.into_iter().chain(values).collect())
    };
    all.iter().map(row).collect()
}

/// Runs a command of the program with a data directory; it must end with `code`.
pub(crate) fn run(dir: &Path, args: &[&str], code: i32) -> Output {
    let output = headroom(
        args.iter()
            .map(|arg| (*arg).to_owned())
            .chain(["--data-dir".to_owned(), dir.to_str().unwrap().to_owned()]),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    output
}

/// Imports `text` into the history in `dir`; what was said of it.
pub(crate) fn import(dir: &Path, text: &str) -> String {
    let path = dir.join("lines.jsonl");
    fs::create_dir_all(dir).unwrap();
    fs::write(&path, text).unwrap();
    let output = run(dir, &["import", path.to_str().unwrap()], 0);
    fs::remove_file(&path).unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A head with this past.
pub(crate) fn head_with(text: &str, args: &[&str]) -> (Server, FakeProc) {
    let fake = FakeProc::new();
    import(&fake.path("data"), text);
    let server = Server::start(&fake, args);
    has_history(&server);
    (server, fake)
}

/// Waits until its history is open, which may take longer than to serve.
pub(crate) fn has_history(server: &Server) {
    let is_open = || get(server.address(), "/api/v1/events?from=-1s").status == 200;
    until("history to be open", || is_open().then_some(()));
}
