//! `headroom setup` of a whole machine, with its services: two trees of files stand for a head and a node, in
//! namespaces of their own, and a script stands for the service manager, to see what it is told. The service
//! manager itself is met in the test of the package.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::say;

/// `sh -c SCRIPT sh DIR HEADROOM`. Each step leaves `STEP.out`, `.err` and `.code` in DIR, and copies of what
/// it may have changed in `STEP.files`.
const SCRIPT: &str = r#"
dir=$1 program=$2
mount --make-rprivate / && ip link set lo up && ip addr add 10.1.2.3/24 dev lo || exit 71
umask 077
tools=/bin:/usr/bin:/usr/sbin:/sbin
for name in head node; do
    root=$dir/$name
    mkdir -p $root/proc $root/dev $root/sys $root/etc $root/run/systemd/system $root/var/lib $root/bin $root/tmp || exit 72
    for at in /usr /lib /lib64 /sbin; do
        [ -L $at ] && ln -s "$(readlink $at)" $root$at && continue
        [ -d $at ] && mkdir -p $root$at && { mount --rbind $at $root$at || exit 73; }
    done
    mount -t proc proc $root/proc && mount --rbind /dev $root/dev && mount --rbind /sys $root/sys || exit 74
    ln -s /usr/bin/env $root/bin/env; ln -s /usr/bin/sh $root/bin/sh
    touch $root/bin/headroom && mount --bind $program $root/bin/headroom || exit 75
    cp $dir/systemctl $dir/journalctl $root/bin/ && chmod 755 $root/bin/*ctl || exit 76
    echo $name-0123456789 > $root/etc/machine-id
    mkdir $root/etc/headroom $root/units && touch $root/systemctl.log
done
run() { # STEP ROOT ARGS…
    step=$1 root=$dir/$2; shift 2
    : > $root/systemctl.log
    env -i PATH=$tools chroot $root headroom "$@" > $dir/$step.out 2> $dir/$step.err
    echo $? > $dir/$step.code
    cp $root/systemctl.log $dir/$step.log
    cp -a $root/etc/headroom $dir/$step.etc
    [ -d $root/var/lib/headroom ] && mkdir $dir/$step.data && cp -a $root/var/lib/headroom/*.* $dir/$step.data/
    true
}
begin() { # ROOT UNIT
    env -i PATH=$tools chroot $dir/$1 systemctl --quiet enable $2
    env -i PATH=$tools chroot $dir/$1 systemctl --quiet restart $2
}
begin head headroom.service
sleep 1
run first head setup --json --node pi-1 < /dev/null
run again head setup --json < /dev/null
run low head setup --listen 0.0.0.0:80 < /dev/null
run moved head setup --json --listen 0.0.0.0:8443 --node pi-1,pi-2 < /dev/null
touch $dir/head/units/broken
run broken head setup --anonymous-read < /dev/null
rm $dir/head/units/broken
run mended head setup --json < /dev/null
mount --bind $dir/head/etc/headroom $dir/head/etc/headroom && mount -o remount,ro,bind $dir/head/etc/headroom || exit 77
run frozen head setup --announce --password-file /etc/machine-id < /dev/null
# The node's package has begun a head there that nobody wants.
begin node headroom.service
sleep 1
sed -n 's/.*"setup": "echo \(hrt_[0-9a-f]*\).*/\1/p' $dir/moved.out > $dir/token
pin=$(sed -n 's/.*"fingerprint": "\(sha256:[^"]*\)".*/\1/p' $dir/moved.out)
run joined node setup --agent --json --head https://10.1.2.3:8443 --fingerprint $pin --token-file - < $dir/token
run rejoined node setup --agent --json --head https://10.1.2.3:8443 --fingerprint $pin --token-file - < $dir/token
run back node setup --json < /dev/null
run kept node setup --agent --json --label rack=a < /dev/null
"#;

/// Stands for `systemctl`: units are programs that run, and files that say so.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /systemctl.log
while :; do case $1 in --*) shift;; *) break;; esac; done
verb=$1; [ "$2" = --now ] && { now=yes; shift; }
unit=$2
runs() { [ -s /units/$unit.pid ] && kill -0 "$(cat /units/$unit.pid)" 2>/dev/null; }
stop() { runs && kill "$(cat /units/$unit.pid)" && while runs; do sleep 0.05; done; true; }
case $verb in
is-enabled) [ -e /units/$unit.enabled ];;
enable) touch /units/$unit.enabled;;
disable) rm -f /units/$unit.enabled; [ "$now" ] && stop; true;;
is-active) runs;;
restart)
    stop
    [ -e /units/broken ] && { echo "Job for $unit failed." >&2; exit 1; }
    command=; [ $unit = headroom-agent.service ] && command=agent
    setsid headroom $command > /units/$unit.log 2>&1 < /dev/null &
    echo $! > /units/$unit.pid;;
esac
"#;

/// Stands for `journalctl`.
const JOURNALCTL: &str = "#!/bin/sh\necho 'headroom: cannot listen'\nprintf 'and \\033[2J\\n'\n";

/// What a step left.
struct Step {
    code: i32,
    out: String,
    err: String,
    /// What the service manager was told that changes something.
    told: Vec<String>,
}

impl Step {
    fn read(dir: &Path, step: &str) -> Self {
        let read = |end: &str| fs::read_to_string(dir.join(format!("{step}.{end}"))).unwrap();
        let log = read("log");
        let acts = ["enable", "disable", "restart", "start", "stop"];
        let told = log.lines().map(|line| line.trim_start_matches("--no-ask-password --quiet "));
        let told = told.filter(|line| acts.contains(&line.split(' ').next().unwrap_or_default()));
        Self {
            code: read("code").trim().parse().unwrap(),
            out: read("out"),
            err: read("err"),
            told: told.map(str::to_owned).collect(),
        }
    }

    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    fn says(&self, words: &[&str]) {
        assert_ne!(self.code, 0, "{}", self.out);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}

#[test]
fn a_machine_with_services_becomes_a_head_and_another_its_node() {
    let dir = TempDir::new().unwrap();
    let at = dir.path();
    fs::write(at.join("systemctl"), SYSTEMCTL).unwrap();
    fs::write(at.join("journalctl"), JOURNALCTL).unwrap();
    let mut namespace = Command::new("unshare");
    namespace.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        SCRIPT,
        "sh",
    ]);
    namespace.arg(at).arg(env!("CARGO_BIN_EXE_headroom"));
    let output = namespace.output();
    let why = match &output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare does not start: {error}")),
    };
    if let Some(why) = why {
        assert!(!rustix::process::geteuid().is_root(), "{why}");
        return say(format_args!("NOT RUN: no machine is set up, as there is no namespace: {why}"));
    }
    let step = |name: &str| Step::read(at, name);
    let files = |step: &str| {
        let mut all = crate::setup::files(&at.join(format!("{step}.etc")));
        all.extend(crate::setup::files(&at.join(format!("{step}.data"))));
        all.into_iter()
            .filter(|(path, ..)| !path.ends_with("reached.json") && !path.ends_with("history.redb"))
            .map(|(path, bytes, mode)| (path.file_name().unwrap().to_owned(), bytes, mode))
            .filter(|(name, ..)| name != "alerts.redb" && name != "lock")
            .collect::<Vec<_>>()
    };

    // The head of the package listens on loopback, and is told to listen for others.
    let first = step("first");
    let made = first.json();
    assert_eq!((&made["changed"], &made["running"]), (&true.into(), &true.into()), "{made}");
    assert_eq!(made["urls"][0], "https://10.1.2.3:8080");
    assert!(made["password"].is_string() && made["nodes"][0]["token"].is_string(), "{made}");
    assert_eq!(first.told, ["restart headroom.service"]);
    let settings = at.join("first.etc/headroom.toml");
    assert_eq!(crate::support::mode(&settings), 0o644, "whatever umask root has");
    let again = step("again");
    assert_eq!(again.json()["changed"], false);
    assert_eq!(again.told, [""; 0]);
    assert!(files("again") == files("first"), "a repeat changed a file");

    let low = step("low");
    low.says(&["port 80", "CAP_NET_BIND_SERVICE", "--listen"]);
    assert!(low.told.is_empty() && files("low") == files("first"));
    let moved = step("moved").json();
    assert_eq!(moved["urls"][0], "https://10.1.2.3:8443");
    assert_eq!((&moved["fingerprint"], &moved["password"]), (&made["fingerprint"], &Value::Null));
    assert_eq!((&moved["nodes"][0]["token"], &moved["running"]), (&Value::Null, &true.into()));

    // One that does not start is told of with what it said, which cannot steer the terminal.
    let broken = step("broken");
    broken.says(&[
        "headroom.service does not start",
        "the journal says: headroom: cannot listen",
        "\\u{1b}",
        "journalctl -u",
    ]);
    let mended = step("mended");
    assert_eq!(mended.json()["running"], true);
    assert_eq!(mended.told, ["restart headroom.service"]);
    let frozen = step("frozen");
    frozen.says(&["cannot write /etc/headroom/headroom.toml", "Read-only file system"]);
    assert!(frozen.told.is_empty() && files("frozen") == files("mended"));

    // The node: its own head, which nobody wants, goes.
    let joined = step("joined");
    let told = joined.json();
    assert_eq!((&told["node"], &told["live"]), (&"pi-2".into(), &true.into()), "{told}");
    assert_eq!(
        joined.told,
        [
            "enable headroom-agent.service",
            "restart headroom-agent.service",
            "disable --now headroom.service"
        ]
    );
    assert!(joined.err.contains("never set up"), "{}", joined.err);
    let bits = |path: &str| crate::support::mode(&at.join("joined.etc").join(path));
    assert_eq!(
        (bits("headroom.toml"), bits("secrets"), bits("secrets/token")),
        (0o644, 0o700, 0o600)
    );
    let again = step("rejoined");
    let told = again.json();
    assert_eq!((&told["changed"], &told["live"]), (&false.into(), &true.into()), "{told}");
    assert!(again.told.is_empty() && files("rejoined") == files("joined"));
    // It can be had back, and stays from then on.
    let back = step("back");
    assert_eq!(back.json()["running"], true);
    assert_eq!(back.told, ["enable headroom.service", "restart headroom.service"]);
    let kept = step("kept");
    assert_eq!(kept.json()["live"], true);
    assert_eq!(kept.told, ["restart headroom-agent.service"]);
}
