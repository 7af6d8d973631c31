//! The image, run as the Compose file says, by a container runtime of Debian's: a head on one machine and an
//! agent on another, each with a network of its own and nothing of the system but its own user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{Head, Program};
use crate::containers::{compose, files};
use crate::netns::{Host, Network, run};
use crate::support::{SOON, say, until};

const PASSWORD: &str = "six-quiet-otters";
/// The same as a program without cookies shows it.
const AUTHORIZATION: &str = "Authorization: Basic eDpzaXgtcXVpZXQtb3R0ZXJz\r\n";
/// Whom the image runs as.
const USER: u32 = 65_532;
/// What Docker hides of `/proc` and `/sys`, and what it lets nobody write.
const MASKED: [&str; 8] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The image, unpacked.
pub(crate) struct Image {
    pub(crate) root: PathBuf,
    config: Value,
    _dir: TempDir,
}

impl Image {
    /// Makes it of the program that is tested; `Err` is why there is none.
    fn make() -> Result<Self, String> {
        let program = Path::new(env!("CARGO_BIN_EXE_headroom"));
        let xtask = program.with_file_name("xtask");
        if !xtask.is_file() {
            return Err("no image can be made without xtask; see `cargo xtask test`".into());
        }
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).into_os_string().into_string().unwrap();
        run("strip", &["-o", &path("headroom"), program.to_str().unwrap()])?;
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "arm" => "armhf",
            other => return Err(format!("there is no image for {other}")),
        };
        let one = format!("{arch}={}", path("headroom"));
        run(xtask.to_str().unwrap(), &["image", "--program", &one, "--out", &path("")])?;
        let archive = concat!("headroom-", env!("CARGO_PKG_VERSION"), ".oci.tar");
        Self::unpack(&dir.path().join(archive), &[])
    }

    /// Unpacks the one for this machine, or for the one that `other` says; `Err` is why there is none.
    pub(crate) fn unpack(archive: &Path, other: &[&str]) -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).into_os_string().into_string().unwrap();
        let from = format!("oci-archive:{}", archive.display());
        let to = format!("dir:{}", path("copy"));
        let copy = ["--insecure-policy", "copy", "--quiet", &from, &to];
        run("skopeo", &[other, &copy].concat())?;
        let blob = |blob: &Value| {
            let digest = blob["digest"].as_str().unwrap();
            path("copy") + "/" + digest.strip_prefix("sha256:").unwrap()
        };
        let read =
            |path: &str| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let manifest = read(&(path("copy") + "/manifest.json"));
        let config = read(&blob(&manifest["config"]));
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            run("tar", &["-xp", "--numeric-owner", "-C", &path("root"), "-f", &blob(layer)])?;
        }
        Ok(Self { root, config: config["config"].clone(), _dir: dir })
    }
}

/// A container that runs. It is gone when this is dropped.
pub(crate) struct Container {
    id: String,
    pub(crate) program: Program,
    dir: TempDir,
}

fn mount(source: &str, to: &str, kind: &str, options: &[&str]) -> Value {
    json!({ "destination": to, "type": kind, "source": source, "options": options })
}

/// The words of a list in JSON.
fn words(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap().to_owned()).collect()
}

impl Container {
    /// Runs `service` of the Compose file on `host`, as Docker would; `files` are mounted besides, and
    /// `volume` stands for what it names.
    pub(crate) fn start(
        image: &Image,
        service: &Value,
        host: &Host,
        files: &[(&Path, &str)],
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = format!("headroom-test-{}-{}", std::process::id(), host.name);
        let volume = dir.path().join("data");
        fs::create_dir(&volume).unwrap();
        std::os::unix::fs::chown(&volume, Some(USER), Some(USER)).unwrap();
        let config = Self::config(image, service, host, &id, &volume, files);
        fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let mut runtime = Command::new("runc");
        runtime.args(["run", "--bundle"]).arg(dir.path()).arg(&id);
        let program = Program::start(&mut runtime, "");
        Self { id, program, dir }
    }

    fn config(
        image: &Image,
        service: &Value,
        host: &Host,
        id: &str,
        volume: &Path,
        files: &[(&Path, &str)],
    ) -> Value {
        let mut mounts = vec![
            mount("proc", "/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("tmpfs", "/dev", "tmpfs", &["nosuid", "strictatime", "mode=755"]),
            mount("sysfs", "/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("cgroup", "/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "ro"]),
        ];
        for one in words(&service["volumes"]) {
            let (from, rest) = one.split_once(':').unwrap();
            let (to, how) = rest.split_once(':').unwrap();
            let from = if from.starts_with('/') { from } else { volume.to_str().unwrap() };
            mounts.push(mount(from, to, "bind", &["rbind", "rprivate", how]));
        }
        for (from, to) in files {
            mounts.push(mount(from.to_str().unwrap(), to, "bind", &["rbind", "rprivate", "ro"]));
        }
        let mut env = words(&image.config["Env"]);
        for (name, value) in service["environment"].as_object().unwrap() {
            env.push(format!("{name}={}", value.as_str().unwrap()));
        }
        let user = service["user"].as_str().unwrap().split(':').map(|id| id.parse().unwrap());
        let user: Vec<u32> = user.collect();
        assert_eq!(words(&service["cap_drop"]), ["ALL"]);
        let limit = service["mem_limit"].as_str().unwrap().trim_end_matches('m');
        let limit: u64 = limit.parse::<u64>().unwrap() << 20;
        let args = [words(&image.config["Entrypoint"]), words(&service["command"])].concat();
        json!({
            "ociVersion": "1.0.2",
            // Docker gives each container a name of its own.
            "hostname": "3f9c1b2a7d55",
            "root": { "path": image.root, "readonly": service["read_only"] },
            "process": {
                "user": { "uid": user[0], "gid": user[1] },
                "args": args,
                "env": env,
                "cwd": image.config["WorkingDir"],
                "capabilities": {},
                "noNewPrivileges": service["security_opt"][0] == "no-new-privileges:true",
            },
            "mounts": mounts,
            "linux": {
                "namespaces": [
                    { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
                    { "type": "network", "path": host.network() },
                ],
                "cgroupsPath": format!("/{id}"),
                "resources": {
                    "memory": { "limit": limit },
                    "pids": { "limit": service["pids_limit"] },
                },
                "maskedPaths": MASKED,
                "readonlyPaths": READ_ONLY,
            },
        })
    }

    /// Runs the program in it once more: what it printed.
    pub(crate) fn exec(&self, args: &[&str], input: &str) -> Result<String, String> {
        use std::io::Write as _;

        let mut exec = Command::new("runc");
        exec.args(["exec", &self.id, "/usr/bin/headroom"]).args(args);
        exec.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = exec.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What the system says of its first process.
    fn status(&self, key: &str) -> String {
        let state = Command::new("runc").args(["state", &self.id]).output().unwrap();
        let state: Value = serde_json::from_slice(&state.stdout).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", state["pid"])).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect(key);
        line.trim_start_matches(':').trim().to_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let args = ["delete", "--force", &self.id];
        if let Err(error) = run("runc", &args) {
            say(error);
        }
    }
}

/// Whether a head in a container serves, and what it is reached by.
fn head_of(container: &Container, host: &Host) -> Head {
    let line = |prefix: &str| {
        until(prefix, || {
            let said = container.program.stdout();
            let line = said.lines().find_map(|line| line.strip_prefix(prefix));
            let ended = container.program.stderr();
            assert!(!ended.contains("error"), "{ended}");
            line.map(str::to_owned)
        })
    };
    assert_eq!(line("Headroom is at "), "https://0.0.0.0:8443");
    let fingerprint = Some(line("Its certificate is ").parse().unwrap());
    // Its program is the container's: this one only holds what it is asked with.
    let program = Program::start(&mut Command::new("true"), "");
    Head { program, address: (host.address, 8443).into(), fingerprint }
}

/// What the head says, to who knows the password.
fn ask(head: &Head, host: &Host, path: &str) -> Value {
    until(path, || {
        let answer = host.inside(|| head.try_get_with(path, AUTHORIZATION).unwrap());
        // A node that came just now is not known yet, or has not looked around.
        (![404, 503].contains(&answer.status)).then(|| answer.json())
    })
}

pub(crate) fn meminfo_total() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn processes() -> u64 {
    let is_process = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|entry| is_process(&entry.file_name().to_string_lossy())).count() as u64
}

#[test]
fn a_head_and_an_agent_in_containers_tell_of_the_machines_around_them() {
    for tool in ["runc", "skopeo"] {
        if let Err(why) = run(tool, &["--version"]) {
            return say(format_args!("NOT RUN: {why}"));
        }
    }
    let network = match Network::of(&["pi-head", "pi-07"]) {
        Ok(network) => network,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let (home, away) = (network.host("pi-head"), network.host("pi-07"));
    let image = match Image::make() {
        Ok(image) => image,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let dir = tempfile::tempdir().unwrap();
    // The name proves that the C library in the image looks names up.
    let url = "https://dash.example.org:8443";
    let hosts = dir.path().join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n{} dash.example.org\n", home.address)).unwrap();
    let service = |name: &str, settings: &[(&str, &str)]| {
        let all = [&[("HEADROOM_URL", url)], settings].concat();
        compose(&files(), &all).map(|found| found["services"][name].clone())
    };
    let of_head = match service("head", &[("HEADROOM_NODE_NAME", "pi-head")]) {
        Ok(service) => service,
        Err(why) => return say(format_args!("NOT RUN: {why}")),
    };
    let container = Container::start(&image, &of_head, home, &[(&hosts, "/etc/hosts")]);
    let head = head_of(&container, home);

    // What the owner does.
    container.exec(&["password", "--stdin"], &format!("{PASSWORD}\n")).unwrap();
    let line = container.exec(&["token", "create", "pi-07"], "").unwrap();
    assert!(line.contains(&format!("--head {url} --fingerprint sha256:")), "{line}");
    let token = line.split_whitespace().find(|word| word.starts_with("hrt_")).unwrap();
    let file = dir.path().join("token");
    fs::write(&file, token).unwrap();
    std::os::unix::fs::chown(&file, Some(USER), None).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    let fingerprint = head.fingerprint.unwrap().to_string();
    let settings = [("HEADROOM_NODE_NAME", "pi-07"), ("HEADROOM_FINGERPRINT", &fingerprint)];
    let of_agent = service("agent", &settings).unwrap();
    let mounts = [(hosts.as_path(), "/etc/hosts"), (file.as_path(), "/run/secrets/token")];
    let agent = Container::start(&image, &of_agent, away, &mounts);
    agent.program.says("connected to");

    for name in ["pi-head", "pi-07"] {
        let path = format!("/api/v1/nodes/{name}");
        let node = until(name, || {
            let node = ask(&head, home, &path);
            (node["state"] == "live" && node["sample"]["own_memory"].is_u64()).then_some(node)
        });
        assert_eq!(node["sample"]["total"], meminfo_total(), "{name}");
        assert_eq!(node["facts"]["host_name"], name);
        let own = node["sample"]["own_memory"].as_u64().unwrap();
        assert!((1 << 20..256 << 20).contains(&own), "{name} takes {own} bytes");
        // Its own limit is none of the machine's.
        assert_eq!(node["sample"]["limit"], Value::Null, "{name}");
        let usage = ask(&head, home, &format!("{path}/usage"));
        let count = usage["process_count"].as_u64().unwrap();
        let all = processes();
        assert!(count > all / 2, "{name} shows {count} processes of {all}");
        let findings = ask(&head, home, &format!("{path}/doctor")).to_string();
        assert!(!findings.contains("container_limit"), "{findings}");
        assert!(!findings.contains("This is a container"), "{findings}");
    }
    for container in [&container, &agent] {
        for (key, value) in [
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Uid", "65532\t65532\t65532\t65532"),
        ] {
            assert_eq!(container.status(key), value, "{key}");
        }
    }
    // What it would say of itself: that it is limited, as it is.
    let own = container.exec(&["free", "--json", "--proc-root", "/proc", "--sys-root", "/sys"], "");
    match own {
        Ok(own) => {
            let own: Value = serde_json::from_str(&own).unwrap();
            assert_eq!(own["limit"], 256 << 20, "{own}");
        }
        Err(why) => panic!("{why}"),
    }
    let page = home.inside(|| head.try_get_with("/", "").unwrap());
    assert!(page.status == 200 && page.text().contains("<html"), "{}", page.status);
    assert!(container.dir.path().join("data/cert.pem").is_file());
    // Its own commands ask it, from within.
    let check = ["history", "check", "--password-file", "-"];
    container.exec(&check, &format!("{PASSWORD}\n")).unwrap();

    // It ends by itself when it is told to, as the first process of its container.
    run("runc", &["kill", &container.id, "TERM"]).unwrap();
    let mut container = container;
    assert!(container.program.wait(SOON + Duration::from_secs(35)).success());
}
