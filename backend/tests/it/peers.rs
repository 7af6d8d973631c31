//! What the program says other tools would print, against those tools themselves: in a mount namespace of
//! its own, each captured memory file takes the place of `/proc/meminfo` for all of them alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::captures::captures;
use crate::support::{FakeProc, say};

/// `sh -c SCRIPT sh CAPTURES RESULTS HEADROOM PYTHON3 PEERS`, in a namespace of its own. Results are
/// `NAME/TOOL.out`, `.err` and `.code`.
const SCRIPT: &str = r#"
captures=$1 results=$2 headroom=$3 python=$4 peers=$5
mount --make-rprivate / || exit 71
run() {
    tool=$1; shift
    ("$@" >"$at/$tool.out" 2>"$at/$tool.err"; echo $? >"$at/$tool.code") &
}
for capture in "$captures"/*; do
    at="$results/${capture##*/}"
    mkdir "$at" || exit 72
    mount --bind "$capture" /proc/meminfo || exit 73
    run headroom "$headroom" explain --json
    run free free -b
    run free-w free -b -w
    for psutil in "$peers"/psutil-*; do
        test -d "$psutil" && run "${psutil##*/}" env PYTHONPATH="$psutil" "$python" -c "$PSUTIL"
    done
    wait
    umount /proc/meminfo || exit 74
done
"#;

/// Prints what psutil says, and its version, so that none other is taken for it.
const PSUTIL: &str = "import json, psutil; \
                      print(json.dumps({'version': psutil.__version__, **psutil.virtual_memory()._asdict()}))";

/// Where the pinned versions of psutil are: `cargo xtask test` says it, or has left them there before.
pub(crate) fn peers() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_headroom")).ancestors().nth(2);
    std::env::var_os("XTASK_PEERS")
        .map_or_else(|| target.unwrap_or(Path::new("/")).join("peers"), PathBuf::from)
}

/// What a command printed; `None` if it cannot be run or fails.
pub(crate) fn printed(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The numbers of a version such as `4.0.2`.
fn numbers(version: &str) -> (u32, u32, u32) {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    (next(), next(), next())
}

/// The row of the tools' table that `version` of procps is in.
pub(crate) fn row_of_procps(version: &str) -> &'static str {
    match numbers(version) {
        version if version >= (4, 0, 1) => "procps 4.0.1 and newer",
        version if version >= (3, 3, 12) => "procps 3.3.12 to 4.0.0",
        version if version >= (3, 3, 10) => "procps 3.3.10 and 3.3.11",
        _ => "procps up to 3.3.9",
    }
}

#[test]
fn versions_of_procps_are_told_apart() {
    for (version, row) in [
        ("4.0.4", "procps 4.0.1 and newer"),
        ("4.0.0", "procps 3.3.12 to 4.0.0"),
        ("3.3.17", "procps 3.3.12 to 4.0.0"),
        ("3.3.11", "procps 3.3.10 and 3.3.11"),
        ("3.2.8", "procps up to 3.3.9"),
    ] {
        assert_eq!(row_of_procps(version), row, "{version}");
        assert!(shared::rosetta::TOOLS.iter().any(|tool| tool.versions == row), "{row}");
    }
}

/// What a tool left of one capture.
struct Left {
    out: String,
    /// The last line of its complaints, if it failed.
    failed: Option<String>,
}

impl Left {
    fn read(at: &Path, tool: &str) -> Option<Self> {
        let read = |end: &str| fs::read_to_string(at.join(format!("{tool}.{end}")));
        let code = read("code").ok()?;
        let errors = read("err").unwrap();
        let last = errors.lines().last().unwrap_or("without a word").to_owned();
        let failed = (code.trim() != "0").then(|| format!("exit code {}: {last}", code.trim()));
        Some(Self {
            out: String::from_utf8_lossy(&fs::read(at.join(format!("{tool}.out"))).unwrap()).into(),
            failed,
        })
    }

    /// The number of a column in the line of `free` that begins with `row`.
    fn of_free(&self, row: &str, column: &str) -> Option<i128> {
        let place = self.out.lines().next()?.split_whitespace().position(|name| name == column)?;
        let line = self.out.lines().find_map(|line| line.strip_prefix(row))?;
        line.split_whitespace().nth(place)?.parse().ok()
    }
}

/// Differences between what was said of a tool and what it printed.
struct Differences {
    found: Vec<String>,
    compared: usize,
}

impl Differences {
    fn compare(&mut self, what: &str, printed: Option<i128>, told: &Value) {
        let Some(printed) = printed else {
            self.found.push(format!("{what} is not printed, told {told}"));
            return;
        };
        self.compared += 1;
        if told.as_u64().map(i128::from) != Some(printed) {
            self.found.push(format!("{what} is {printed}, told {told}"));
        }
    }
}

fn row<'a>(report: &'a Value, tool: &str, versions: &str) -> &'a Value {
    let rows = report["tools"].as_array().unwrap();
    let row = rows.iter().find(|row| row["tool"] == tool && row["versions"] == versions);
    row.unwrap_or_else(|| panic!("no row of {tool}, {versions}"))
}

/// Writes the captures, and files that bring about what tools do in rare cases.
fn write_captures(dir: &Path) {
    let fake = FakeProc::new();
    let whole = fake.meminfo();
    let with = |available: &str| {
        fake.write("proc/meminfo", &whole);
        fake.replace_meminfo_line("MemAvailable", available);
        fake.meminfo()
    };
    let mut all = captures("meminfo").unwrap_or_default();
    all.extend(
        [
            ("made-ordinary", whole.clone()),
            ("made-available-missing", with("")),
            ("made-available-0", with("MemAvailable:          0 kB\n")),
            ("made-available-above-total", with("MemAvailable: 3883516 kB\n")),
        ]
        .map(|(name, text)| (name.to_owned(), text)),
    );
    for (name, text) in all {
        fs::write(dir.join(name), text).unwrap();
    }
}

#[test]
fn other_tools_print_what_is_said_of_them() {
    let Some(version) = printed("free", &["--version"]) else {
        return say("NOT RUN: there is no free, or none that tells its version");
    };
    let Some((_, version)) = version.split_once("procps-ng ") else {
        return say(format_args!("NOT RUN: {version:?} is not the free of procps"));
    };
    if numbers(version) < (3, 3, 11) {
        return say(format_args!(
            "NOT RUN: free of procps {version} has other columns, or prints what is below nothing"
        ));
    }
    let probe = Command::new("unshare").args(["-m", "mount", "--make-rprivate", "/"]).output();
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return say(format_args!(
                "NOT RUN: no mount namespace (root is needed): {}",
                said.trim()
            ));
        }
        Err(error) => return say(format_args!("NOT RUN: unshare does not start: {error}")),
    }
    let python = printed("python3", &["-c", "import sys; print(sys.executable)"]);
    if python.is_none() {
        say("NOT RUN against psutil: there is no python3");
    }
    let dir = tempfile::tempdir().unwrap();
    let (given, results) = (dir.path().join("captures"), dir.path().join("results"));
    fs::create_dir(&given).unwrap();
    fs::create_dir(&results).unwrap();
    write_captures(&given);
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", SCRIPT, "sh"])
        .args([&given, &results, Path::new(env!("CARGO_BIN_EXE_headroom"))])
        .arg(python.unwrap_or_else(|| "python3".into()))
        .arg(peers())
        .env("PSUTIL", PSUTIL)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");

    let mut names: Vec<_> = fs::read_dir(&results)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut differences = Differences { found: Vec::new(), compared: 0 };
    let (mut of_free, mut of_psutil) = (0, 0);
    for name in &names {
        let at = results.join(name);
        let headroom = Left::read(&at, "headroom").unwrap();
        if let Some(failed) = headroom.failed {
            assert!(failed.contains("no line MemTotal"), "{name}: {failed}");
            for tool in ["free", "psutil-7.0.0", "psutil-7.2.2"] {
                let said = Left::read(&at, tool).map(|left| left.failed.unwrap_or(left.out));
                let last = said.as_deref().and_then(|said| said.lines().last()).unwrap_or("—");
                say(format_args!("{name} has no total; {tool}: {last}"));
            }
            continue;
        }
        let report: Value = serde_json::from_str(&headroom.out).unwrap();
        let text = fs::read_to_string(given.join(name)).unwrap();
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
        let kib: u64 = total.split_whitespace().next().unwrap().parse().unwrap();
        assert_eq!(report["sample"]["total"], kib * 1024, "{name} was not what the tools read");
        of_free += usize::from(compare_free(&mut differences, name, &at, &report, version));
        for (psutil, versions) in [("7.0.0", "4.4 to 7.0"), ("7.2.2", "7.1 and newer")] {
            of_psutil += usize::from(compare_psutil(
                &mut differences,
                name,
                &at,
                &report,
                (psutil, versions),
            ));
        }
    }
    say(format_args!(
        "{} memory files: free of procps {version} compared on {of_free}, two versions of psutil on \
         {of_psutil} in all, {} numbers",
        names.len(),
        differences.compared
    ));
    if of_psutil == 0 {
        say(format_args!("NOT RUN against psutil: it is not in {}", peers().display()));
    }
    let found = differences.found.join("\n");
    assert!(found.is_empty(), "what tools print differs from what is said of them:\n{found}");
    assert!(of_free > 0, "free could read none of the files");
}

/// Compares `free -b` and `free -b -w`; whether it could be.
fn compare_free(
    differences: &mut Differences,
    name: &str,
    at: &Path,
    report: &Value,
    version: &str,
) -> bool {
    let told = row(report, "free", row_of_procps(version));
    let sample = &report["sample"];
    let bytes = |id: &str| sample[id].as_u64().unwrap_or(0);
    // Before 4.0.1 it estimates what is missing, but not on kernels that are too old to list files; which
    // one runs it asks the machine, not the memory file.
    let by_kernel = row_of_procps(version) != "procps 4.0.1 and newer"
        && bytes("available") == 0
        && sample["active_file"].is_null();
    for tool in ["free", "free-w"] {
        let left = Left::read(at, tool).unwrap();
        if let Some(failed) = &left.failed {
            say(format_args!("{name}: {tool}: {failed}"));
            return false;
        }
        let mut compare = |row: &str, column: &str, told: &Value| {
            let what = format!("{name}: {column} in {row} of {tool}");
            differences.compare(&what, left.of_free(row, column), told);
        };
        compare("Mem:", "total", &sample["total"]);
        compare("Mem:", "used", &told["used"]);
        compare("Mem:", "free", &bytes("free").into());
        if !by_kernel {
            compare("Mem:", "available", &told["available"]);
        }
        compare("Mem:", "shared", &bytes("shmem").into());
        compare("Swap:", "total", &bytes("swap_total").into());
        compare("Swap:", "free", &bytes("swap_free").into());
        if tool == "free-w" {
            compare("Mem:", "buffers", &bytes("buffers").into());
            compare("Mem:", "cache", &told["cached"]);
        } else {
            let cached = told["cached"].as_u64().unwrap();
            compare("Mem:", "buff/cache", &(bytes("buffers") + cached).into());
        }
    }
    true
}

/// Compares one version of psutil; whether it could be.
fn compare_psutil(
    differences: &mut Differences,
    name: &str,
    at: &Path,
    report: &Value,
    (version, versions): (&str, &str),
) -> bool {
    let Some(left) = Left::read(at, &format!("psutil-{version}")) else { return false };
    if let Some(failed) = left.failed {
        say(format_args!("{name}: psutil {version}: {failed}"));
        return false;
    }
    let printed: Value = serde_json::from_str(&left.out).unwrap();
    assert_eq!(printed["version"], version);
    let told = row(report, "psutil", versions);
    for (id, told) in [
        ("total", &report["sample"]["total"]),
        ("free", &report["sample"]["free"]),
        ("used", &told["used"]),
        ("available", &told["available"]),
        ("cached", &told["cached"]),
    ] {
        let what = format!("{name}: {id} of psutil {version}");
        differences.compare(&what, printed[id].as_i64().map(i128::from), told);
    }
    true
}
