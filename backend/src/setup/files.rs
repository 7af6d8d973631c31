//! The files that `headroom setup` writes, and how: as a whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::config::{DEFAULT_FILE, is_root};
use crate::error::{Error, tell};
use crate::secrets;

/// The directory beside the settings where secrets of the owner lie.
const SECRETS: &str = "secrets";

/// Where the settings are.
pub(super) struct Place {
    /// The settings file.
    pub(super) settings: PathBuf,
    /// Whether they are those of the services of this machine.
    pub(super) is_of_service: bool,
}

impl Place {
    /// Of `named`, or of this machine's services, which takes root.
    pub(super) fn of(named: Option<&Path>) -> Result<Self, Error> {
        let is_of_service = named.is_none_or(|path| path == Path::new(DEFAULT_FILE));
        if is_of_service && !is_root() {
            let text = "to set up this machine takes root: run it with `sudo`. Without, a head or agent \
                        of your own is set up with --config FILE";
            return Err(Error::Refused(text.into()));
        }
        let settings = named.unwrap_or(Path::new(DEFAULT_FILE));
        let settings = std::path::absolute(settings).unwrap_or_else(|_| settings.into());
        Ok(Self { settings, is_of_service })
    }

    /// What stands there; nothing if there is no file.
    pub(super) fn read(&self) -> Result<String, Error> {
        match fs::read_to_string(&self.settings) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => {
                read.map_err(|source| Error::SettingsFile { path: self.settings.clone(), source })
            }
        }
    }

    /// Where the secret `name` of the owner is.
    pub(super) fn secret(&self, name: &str) -> PathBuf {
        self.dir().join(SECRETS).join(name)
    }

    fn dir(&self) -> &Path {
        self.settings.parent().unwrap_or(Path::new("/"))
    }

    /// Makes sure that nobody else does the same at the same time, until it is dropped.
    pub(super) fn lock(&self) -> Result<Option<File>, Error> {
        let Ok(lock) = File::open(self.dir()) else { return Ok(None) };
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let text = "another `headroom setup` is running; wait for its end";
                Err(Error::Refused(text.into()))
            }
            // What cannot be locked is not.
            Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(Some(lock)),
        }
    }

    /// Writes `text` beside the settings, to take their place.
    pub(super) fn stage(&self, text: &str) -> Result<Staged, Error> {
        let failed = |source| Error::File { what: "write", path: self.settings.clone(), source };
        let dir = self.dir();
        if !dir.is_dir() {
            fs::create_dir_all(dir).map_err(failed)?;
            if self.is_of_service {
                // The services run as somebody else, whatever umask root has.
                set_mode(dir, 0o755).map_err(failed)?;
            }
        }
        // A link stays one.
        let path = fs::canonicalize(&self.settings).unwrap_or_else(|_| self.settings.clone());
        let new = path.with_extension(format!("toml.{}", secrets::hex(&secrets::random::<8>())));
        let staged = Staged { path, new };
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&staged.new).map_err(failed)?;
        let write = |file: &mut File| {
            self.dress(file, &staged.path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write(&mut file).map_err(failed)?;
        Ok(staged)
    }

    /// Gives the new file to whoever has the old one, with its mode. The services read it as somebody else;
    /// it names files of secrets and holds none.
    #[cfg(unix)]
    fn dress(&self, new: &File, old: &Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

        let mut mode = 0o644;
        if let Ok(old) = fs::metadata(old) {
            if is_root() {
                fchown(new, Some(old.uid()), Some(old.gid()))?;
            }
            let was = old.mode() & 0o777;
            if self.is_of_service && was & 0o004 == 0 {
                tell(format_args!(
                    "everybody on this machine may read {} now, as the service has to",
                    self.settings.display()
                ));
                mode |= was;
            } else {
                mode = was;
            }
        }
        new.set_permissions(fs::Permissions::from_mode(mode))
    }

    #[cfg(not(unix))]
    fn dress(&self, _new: &File, _old: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Keeps the secret `name` for its owner alone.
    pub(super) fn keep_secret(&self, name: &str, secret: &str) -> Result<(), Error> {
        let path = self.secret(name);
        let write = || {
            secrets::write(&path, format!("{secret}\n").as_bytes())?;
            set_mode(path.parent().unwrap_or(&path), 0o700)
        };
        write().map_err(|source| Error::File { what: "write", path: path.clone(), source })
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Settings that are written, but not in their place yet. Dropped, they are gone.
pub(super) struct Staged {
    path: PathBuf,
    new: PathBuf,
}

impl Staged {
    /// Puts them in their place, at once.
    pub(super) fn commit(self) -> Result<(), Error> {
        fs::rename(&self.new, &self.path).map_err(|source| Error::File {
            what: "write",
            path: self.path.clone(),
            source,
        })?;
        // Where directories cannot be opened, they need not be.
        self.path.parent().map(|dir| File::open(dir).and_then(|dir| dir.sync_all()).ok());
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `commit` it is not there any more.
        fs::remove_file(&self.new).ok();
    }
}
