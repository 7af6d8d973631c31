//! The image of machines of other kinds, under an emulator.
//!
//! Only where `XTASK_IMAGE` names an archive that has them, as `cargo xtask dist` writes it.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::containers::{compose, files};
use crate::containers_run::{Container, Image, meminfo_total};
use crate::netns::Network;
use crate::support::say;

/// Within this time a thing that will happen has happened, also under an emulator.
const EMULATED: Duration = Duration::from_secs(90);
/// What asks skopeo for each kind of machine.
const KINDS: [(&str, &[&str]); 4] = [
    ("amd64", &["--override-arch", "amd64"]),
    ("arm64", &["--override-arch", "arm64"]),
    ("armhf", &["--override-arch", "arm", "--override-variant", "v7"]),
    ("armv6", &["--override-arch", "arm", "--override-variant", "v6"]),
];

#[test]
fn the_image_of_every_kind_of_machine_serves() {
    let Some(archive) = std::env::var_os("XTASK_IMAGE").map(PathBuf::from) else {
        return say("NOT RUN: only with XTASK_IMAGE, an archive with programs of other machines");
    };
    let network = Network::of(&["pi-head"]).unwrap();
    let home = network.host("pi-head");
    let settings = [("HEADROOM_NODE_NAME", "pi-head"), ("HEADROOM_URL", "https://pi-head:8443")];
    let service = compose(&files(), &settings).unwrap()["services"]["head"].clone();
    for (name, kind) in KINDS {
        let image = Image::unpack(&archive, kind).unwrap();
        let start = Instant::now();
        let container = Container::start(&image, &service, home, &[]);
        while !container.program.stdout().contains("Its certificate is sha256:") {
            let said = container.program.stderr();
            assert!(start.elapsed() < EMULATED, "{name} does not serve: {said}");
            sleep(Duration::from_millis(100));
        }
        let took = start.elapsed();
        let free: Value =
            serde_json::from_str(&container.exec(&["free", "--json"], "").unwrap()).unwrap();
        assert_eq!(free["total"], meminfo_total(), "{name}");
        say(format_args!("the image for {name} serves after {took:.1?}"));
    }
}
