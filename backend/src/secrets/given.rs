//! Secrets of the owner of a machine, which the service manager hands to a service: the service itself may
//! not look into their directory (`LoadCredential=` of systemd.exec(5)).

use std::env;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the owner keeps secrets that settings name.
pub const DIR: &str = "/etc/headroom/secrets";
/// What the units call that directory; what is in it is called so too, with its name after it.
const NAME: &str = "secret";

/// Where the secret is to be read that settings name as `path`: what lies in [`DIR`] is read from where the
/// service manager put it, if it gave it to this service; all else where it lies.
#[must_use]
pub fn place(path: &Path) -> PathBuf {
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    in_credentials(path, credentials.as_deref()).unwrap_or_else(|| path.to_owned())
}

/// Whether the service manager gave it to this service, so that nobody else can read it there.
#[must_use]
pub fn is_given(path: &Path) -> bool {
    place(path) != path
}

fn in_credentials(path: &Path, credentials: Option<&Path>) -> Option<PathBuf> {
    let name = path.strip_prefix(DIR).ok()?.to_str().filter(|name| !name.is_empty())?;
    let given = credentials?.join(format!("{NAME}_{}", name.replace('/', "_")));
    given.is_file().then_some(given)
}

/// Opens a secret, wherever it is to be read.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(place(path)).map_err(|error| {
        let is_shut = error.kind() == io::ErrorKind::PermissionDenied;
        if !is_shut || env::var_os("CREDENTIALS_DIRECTORY").is_none() {
            return error;
        }
        let why = if path.starts_with(DIR) {
            "the service was not given it: secrets are read when it starts, so restart it once the file is \
             there"
                .into()
        } else {
            format!("the service may not read it; put it into {DIR}, and name it so in the settings")
        };
        io::Error::new(error.kind(), why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_was_given_is_read_there() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["secret_token", "secret_tls_key.pem", "secret_", "token"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let place = |path: &str| in_credentials(Path::new(path), Some(dir.path()));
        let given = |name| Some(dir.path().join(name));
        assert_eq!(place("/etc/headroom/secrets/token"), given("secret_token"));
        assert_eq!(place("/etc/headroom/secrets/tls/key.pem"), given("secret_tls_key.pem"));
        for elsewhere in [
            "/etc/headroom/secrets/other",
            "/etc/headroom/secrets",
            "/etc/headroom/secrets/",
            "/etc/headroom/secrets/../token",
            "/etc/headroom/token",
            "/etc/headroom/secretstoken",
            "token",
            "-",
        ] {
            assert_eq!(place(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(in_credentials(Path::new("/etc/headroom/secrets/token"), None), None);
    }
}
