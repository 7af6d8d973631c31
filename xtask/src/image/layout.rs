//! The image's files: blobs that are called by their SHA-256, and the index that leads to them.

use super::Time;
use super::platform::Platform;
use super::root::{PROGRAM, USER};
use crate::error::{Error, Result};
use crate::files;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image that is being written into a directory.
pub(super) struct Layout<'a> {
    dir: PathBuf,
    name: &'a str,
    time: &'a Time,
    /// The manifests, as the index leads to them.
    manifests: Vec<Value>,
    /// The same for engines that read no index.
    docker: Vec<Value>,
}

impl<'a> Layout<'a> {
    /// Begins anew in `dir`.
    pub(super) fn create(dir: &Path, name: &'a str, time: &'a Time) -> Result<Self> {
        files::remove_dir(dir)?;
        files::create_dir(&dir.join("blobs/sha256"))?;
        let dir = dir.to_owned();
        Ok(Self { dir, name, time, manifests: Vec::new(), docker: Vec::new() })
    }

    /// Adds the image for one kind of machine.
    pub(super) fn add(&mut self, platform: Platform, layers: &[Vec<u8>]) -> Result<()> {
        let Platform { name, architecture, variant, .. } = platform;
        let mut of = json!({ "os": "linux", "architecture": architecture });
        if let Some(variant) = variant {
            of["variant"] = variant.into();
        }
        if self.manifests.iter().any(|manifest| manifest["platform"] == of) {
            return Err(Error::say(format!("there are two programs for {name}")));
        }
        let packed = layers.iter().map(|layer| self.blob(LAYER, &compressed(layer)?));
        let packed = packed.collect::<Result<Vec<_>>>()?;
        let mut config = self.config(layers);
        for (key, value) in of.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        let config = self.json(CONFIG, &config)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": packed,
            "annotations": self.labels(),
        });
        let mut manifest = self.json(MANIFEST, &manifest)?;
        manifest["platform"] = of;
        self.manifests.push(manifest);
        self.docker.push(json!({
            "Config": path(&config),
            "RepoTags": [format!("{}-{name}", self.name)],
            "Layers": packed.iter().map(path).collect::<Vec<_>>(),
        }));
        Ok(())
    }

    /// Writes what leads to everything else.
    pub(super) fn finish(self) -> Result<()> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": self.manifests,
            "annotations": self.labels(),
        });
        let mut index = self.json(INDEX, &index)?;
        // The one is the specification's, the other containerd's.
        index["annotations"] = json!({
            "org.opencontainers.image.ref.name": self.name,
            "io.containerd.image.name": self.name,
        });
        let top = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [index] });
        for (file, value) in [
            ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" })),
            ("index.json", top),
            // Docker without the image store of containerd loads this one.
            ("manifest.json", Value::Array(self.docker)),
        ] {
            files::write(&self.dir.join(file), value.to_string())?;
        }
        Ok(())
    }

    /// How the program is run, unless whoever runs it says otherwise.
    fn config(&self, layers: &[Vec<u8>]) -> Value {
        let time = &self.time.text;
        let steps = ["libraries, certificates and folders", "the program"];
        json!({
            "created": time,
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": ["PATH=/usr/bin", "HEADROOM_DATA_DIR=/var/lib/headroom"],
                "Entrypoint": [format!("/{PROGRAM}")],
                "Cmd": ["serve", "--listen", "0.0.0.0:8443"],
                "ExposedPorts": { "8443/tcp": {} },
                "WorkingDir": "/",
                "Labels": self.labels(),
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>(),
            },
            "history": steps.map(|step| json!({ "created": time, "created_by": step })),
        })
    }

    fn labels(&self) -> BTreeMap<String, String> {
        [
            ("title", "Headroom"),
            ("description", "How much memory every node of a cluster can still give"),
            ("version", env!("CARGO_PKG_VERSION")),
            ("licenses", "MIT OR Apache-2.0"),
            ("created", &self.time.text),
            ("revision", &self.time.revision),
        ]
        .into_iter()
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
        .collect()
    }

    fn json(&self, kind: &str, value: &Value) -> Result<Value> {
        self.blob(kind, value.to_string().as_bytes())
    }

    /// Writes a blob; what leads to it.
    fn blob(&self, kind: &str, bytes: &[u8]) -> Result<Value> {
        let blob = json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
        files::write(&self.dir.join(path(&blob)), bytes)?;
        Ok(blob)
    }
}

/// Where a blob is.
fn path(blob: &Value) -> String {
    format!("blobs/{}", blob["digest"].as_str().unwrap_or_default().replace(':', "/"))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|cause| Error::Io { subject: "a layer".into(), cause })
}
