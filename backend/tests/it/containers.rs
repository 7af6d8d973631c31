//! What is for those who run containers: the Compose file and the manifest for Kubernetes, as the tools that
//! take them understand them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{get, node_when, request};
use crate::cluster::HeadPlan;
use crate::peers::peers;
use crate::support::{FakeProc, Server, command, say};

/// Where the files are that owners take.
pub(crate) fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/containers")
}

/// Runs Python with what `cargo xtask test` fetched, on `input`; `Err` is why it could not, or what it said.
fn python(script: &str, input: &str) -> Result<String, String> {
    use std::io::Write as _;

    let mut python = Command::new("python3");
    python.args(["-c", script]).env("PYTHONDONTWRITEBYTECODE", "1");
    python.env("PYTHONPATH", peers().join("kubernetes_validate-1.29.1"));
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().map_err(|error| error.to_string())?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    Err(said.lines().last().unwrap_or("it fails without a word").to_owned())
}

/// The documents of a text in YAML.
pub(crate) fn yaml(text: &str) -> Result<Vec<Value>, String> {
    let script = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
    python(script, text).map(|text| serde_json::from_str(&text).unwrap())
}

/// The Compose file in `dir` as docker-compose understands it, with `settings` in the environment; `Err` is
/// what it complains of.
pub(crate) fn compose(dir: &Path, settings: &[(&str, &str)]) -> Result<Value, String> {
    let mut compose = Command::new("docker-compose");
    compose.args(["--profile", "head", "--profile", "agent", "config"]).current_dir(dir);
    compose.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    compose.envs(settings.iter().copied()).stdin(Stdio::null());
    let output = compose.output().map_err(|error| format!("no docker-compose: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(yaml(&String::from_utf8_lossy(&output.stdout))?.remove(0))
}

const SETTINGS: [(&str, &str); 2] =
    [("HEADROOM_NODE_NAME", "pi-07"), ("HEADROOM_URL", "https://192.168.1.10:8443")];

/// Whether all that a test needs is here; says what is not.
fn is_here(what: &str, found: &Result<Value, String>) -> bool {
    if let Err(why) = found
        && (why.contains("No module named") || why.contains("no docker-compose"))
    {
        say(format_args!("NOT RUN: {what} cannot be read here ({why})"));
        return false;
    }
    true
}

#[test]
fn the_compose_file_is_understood_and_grants_nothing() {
    let found = compose(&files(), &SETTINGS);
    if !is_here("the Compose file", &found) {
        return;
    }
    let found = found.unwrap();
    for name in ["head", "agent"] {
        let service = &found["services"][name];
        for (key, value) in [
            ("user", json!("65532:65532")),
            ("read_only", json!(true)),
            ("cap_drop", json!(["ALL"])),
            ("security_opt", json!(["no-new-privileges:true"])),
        ] {
            assert_eq!(service[key], value, "{key} of {name}");
        }
        for key in ["privileged", "cap_add", "pid", "ipc", "network_mode", "devices", "userns_mode"]
        {
            assert_eq!(service[key], Value::Null, "{key} of {name}");
        }
        for volume in service["volumes"].as_array().unwrap() {
            let volume = volume.as_str().unwrap();
            assert!(volume.ends_with(":ro") || volume == "data:/var/lib/headroom:rw", "{volume}");
        }
    }
    let missing = compose(&files(), &SETTINGS[1..]).unwrap_err();
    assert!(missing.contains("what this machine is called stands in .env"), "{missing}");
}

#[test]
fn the_manifest_is_what_kubernetes_takes_and_grants_nothing() {
    let text = fs::read_to_string(files().join("headroom.yaml")).unwrap();
    let found = yaml(&text).map(Value::Array);
    if !is_here("the manifest", &found) {
        return;
    }
    let found = found.unwrap();
    let check = "import json, sys, kubernetes_validate as k\n\
                 for one in json.load(sys.stdin): k.validate(one, '1.29', strict=True)";
    assert_eq!(python(check, &found.to_string()), Ok(String::new()));
    let wrong = text.replace("readOnlyRootFilesystem", "readOnlyRoot");
    let refused = python(check, &json!(yaml(&wrong).unwrap()).to_string()).unwrap_err();
    assert!(refused.contains("readOnlyRoot"), "{refused}");

    let all = found.as_array().unwrap();
    let pods: Vec<_> = all.iter().filter_map(|one| one["spec"].get("template")).collect();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let spec = &pod["spec"];
        for key in ["hostPID", "hostIPC", "hostNetwork", "initContainers", "serviceAccountName"] {
            assert_eq!(spec[key], Value::Null, "{key}");
        }
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["enableServiceLinks"], false);
        let security = &spec["securityContext"];
        assert_eq!(
            (&security["runAsNonRoot"], &security["runAsUser"]),
            (&json!(true), &json!(65_532))
        );
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        let container = &spec["containers"][0];
        let granted = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], granted);
        let image = concat!("localhost/headroom:", env!("CARGO_PKG_VERSION"));
        assert_eq!(container["image"], image);
        let none = Vec::new();
        let volumes = spec["volumes"].as_array().unwrap_or(&none);
        for mount in container["volumeMounts"].as_array().unwrap() {
            let of_host = volumes
                .iter()
                .any(|volume| volume["name"] == mount["name"] && volume.get("hostPath").is_some());
            assert!(!of_host || mount["readOnly"] == true, "{mount}");
        }
    }
}

/// What agents find in Kubernetes is what the head made, and all of it.
#[test]
fn the_secret_is_what_the_manifest_mounts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let create = |names: &[&str]| {
        let mut create = command();
        create.args(["token", "create", "--kubernetes"]).args(names);
        create.args(["--listen", "0.0.0.0:8443", "--data-dir"]).arg(&data);
        create.output().unwrap()
    };
    let output = create(&["pi-1", "pi-2.lan"]);
    assert!(output.status.success(), "{output:?}");
    let secret: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<_> = secret["stringData"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["HEADROOM_FINGERPRINT", "pi-1", "pi-2.lan"]);
    assert!(secret["stringData"]["pi-1"].as_str().is_some_and(|token| token.starts_with("hrt_")));
    let again = create(&["pi-3", "pi-1"]);
    assert_eq!((again.status.code(), again.stdout.as_slice()), (Some(2), &b""[..]));
    // None of them was made: pi-3 still has no token.
    HeadPlan::new(&data, &[]).token("pi-3");

    let manifest = fs::read_to_string(files().join("headroom.yaml")).unwrap();
    let found = match yaml(&manifest) {
        Ok(found) => found,
        Err(why) => return say(format_args!("NOT RUN against the manifest: {why}")),
    };
    let agent = found.iter().find(|one| one["kind"] == "DaemonSet").unwrap();
    let spec = &agent["spec"]["template"]["spec"];
    let volumes = spec["volumes"].as_array().unwrap();
    let tokens = volumes.iter().find(|volume| volume["name"] == "tokens").unwrap();
    assert_eq!(tokens["secret"]["secretName"], secret["metadata"]["name"]);
    let container = &spec["containers"][0];
    let env = container["env"].as_array().unwrap();
    let reference = env.iter().find(|env| env["name"] == "HEADROOM_FINGERPRINT").unwrap();
    assert_eq!(reference["valueFrom"]["secretKeyRef"]["name"], secret["metadata"]["name"]);
    assert_eq!(reference["valueFrom"]["secretKeyRef"]["key"], "HEADROOM_FINGERPRINT");
    let mounts = container["volumeMounts"].as_array().unwrap();
    let at = &mounts.iter().find(|mount| mount["name"] == "tokens").unwrap()["mountPath"];
    let file = format!("{}/$(HEADROOM_NODE_NAME)", at.as_str().unwrap());
    assert_eq!(container["args"], json!(["agent", "--token-file", file]));
}

/// A head in a cluster where an agent of its own reports the machine that it runs on.
#[test]
fn a_head_can_leave_its_machine_to_an_agent_and_be_called_otherwise() {
    let fake = FakeProc::new();
    let url = "https://dash.example.org";
    let server = Server::start(&fake, &["--own-node=false", "--url", url]);
    let at = server.address();
    let ask = |host| request(at, "GET", "/api/v1/nodes", &[("Host", host)]);
    let nodes = ask("dash.example.org").json();
    assert_eq!(nodes["nodes"], json!([]), "{nodes}");
    assert_eq!(ask("other.example.org").status, 421);
    assert_eq!(get(at, "/healthz").status, 200);
    // It says so itself, and so does its command.
    let mut create = command();
    create.env("HEADROOM_DATA_DIR", fake.path("data")).env("HEADROOM_URL", url);
    let output = create.args(["token", "create", "pi-07"]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.contains("--head https://dash.example.org --fingerprint"), "{line}");
    // A node that is called otherwise is known by that name.
    let named = Server::start(&fake, &["--node-name", "Pi 07"]);
    assert_eq!(node_when(named.address(), "pi-07", |_| true)["facts"]["host_name"], "Pi 07");
}
