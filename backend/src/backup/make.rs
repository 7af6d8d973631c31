//! `headroom backup`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use shared::units::human;

use super::archive::{About, GATHERED, Writer};
use super::{failed, free_at, settings};
use crate::clock::unix_ms;
use crate::config::BackupArgs;
use crate::data::{self, Copied};
use crate::error::{Error, print, tell};
use crate::history::frames::write_record;
use crate::past::{self, Bar};
use crate::table::aligned;
use crate::{here, keeper, secrets, viewers};

/// Bytes that are to be free besides.
const SPARE: u64 = 16 << 20;

/// Copies all that a head keeps into one file.
pub fn make(args: BackupArgs) -> Result<(), Error> {
    let BackupArgs { file, force, without_history, data } = args;
    let path = data.settings_file();
    let dir = data.resolve()?;
    data::enter(&dir)?;
    let found = data::files(&dir).map_err(|source| failed("read", &dir, source))?;
    if !found.iter().any(|(_, part)| part.is_some_and(|part| part.copied == Copied::Whole))
        && !keeper::file_in(&dir).exists()
    {
        let text = format!(
            "no head keeps anything in {}; say where it keeps its data with --data-dir",
            dir.display()
        );
        return Err(Error::Refused(text));
    }
    let needed = if without_history { 0 } else { length(&keeper::file_in(&dir)) };
    let output = Output::open(&file, force, needed)?;
    let host = here::host_name().unwrap_or_default();
    let about = About::new(host, unix_ms());
    let written = |source| failed("write", &file, source);
    let mut writer = Writer::begin(BufWriter::new(output), &about).map_err(written)?;
    let mut contents = Contents::default();

    let copied = settings::copied(&path)?;
    for (name, bytes) in &copied.files {
        writer.settings(name, bytes).map_err(written)?;
        contents.add("settings and their secrets", bytes.len() as u64);
    }
    let mut others = Vec::new();
    for (name, part) in &found {
        let Some(part) = part.filter(|part| part.copied == Copied::Whole && part.is(name)) else {
            if part.is_none() {
                others.push(dir.join(name));
            }
            continue;
        };
        let place = dir.join(name);
        let read = secrets::read(&place).map_err(|source| failed("read", &place, source))?;
        // One that went meanwhile is an incident that was let go.
        if let Some(bytes) = read {
            writer.data(name, &bytes).map_err(written)?;
            contents.add(part.what, bytes.len() as u64);
        }
    }
    if !without_history && keeper::file_in(&dir).exists() {
        contents.add("history", history(&dir, &mut writer, &file)?);
    }
    let output = writer.end().and_then(|buffer| Ok(buffer.into_inner()?)).map_err(written)?;
    let bytes = output.close().map_err(written)?;
    contents.tell(&file, bytes, &about)?;
    for path in copied.left {
        tell(format_args!("not in it: {}, which the settings name", path.display()));
    }
    for path in others {
        tell(format_args!("not in it: {}, which is none of Headroom's", path.display()));
    }
    Ok(())
}

/// Adds history: how many bytes that is.
fn history<W: Write>(dir: &Path, writer: &mut Writer<W>, file: &Path) -> Result<u64, Error> {
    let bar = Bar::new(None);
    let (mut piece, mut bytes, mut wrong) = (Vec::new(), 0, None);
    let mut add = |piece: &mut Vec<u8>| {
        bytes += piece.len() as u64;
        let added = writer.history(piece);
        piece.clear();
        added
    };
    let told = past::records(dir, &mut |record, read| {
        write_record(&record, &mut piece);
        if piece.len() < GATHERED {
            return ControlFlow::Continue(());
        }
        bar.at(0, read);
        match add(&mut piece) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                wrong = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(error) = wrong {
        return Err(failed("write", file, error));
    }
    match told {
        // Nobody may read a head that others reach and that has no password yet.
        Err(Error::Ask { reason, .. })
            if viewers::session_of_owner(dir, unix_ms()).is_none() && reason.starts_with("401") =>
        {
            let text = "the head shows its history to nobody before it has a password; `headroom password` \
                        sets one, and --without-history leaves history out";
            return Err(Error::Refused(text.into()));
        }
        told => told?,
    }
    add(&mut piece).map_err(|source| failed("write", file, source))?;
    Ok(bytes)
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

/// What is in a backup, for people.
#[derive(Default)]
struct Contents(Vec<(&'static str, u64, u64)>);

impl Contents {
    fn add(&mut self, what: &'static str, bytes: u64) {
        match self.0.iter_mut().find(|(other, ..)| *other == what) {
            Some((_, count, sum)) => (*count, *sum) = (*count + 1, *sum + bytes),
            None => self.0.push((what, 1, bytes)),
        }
    }

    fn tell(&self, file: &Path, bytes: u64, about: &About) -> Result<(), Error> {
        let row = |(what, count, bytes): &(&str, u64, u64)| {
            let files = if *what == "history" { String::new() } else { count.to_string() };
            [(*what).to_owned(), files, human(*bytes)]
        };
        let header = ["what", "files", "size"].map(str::to_owned);
        let rows: Vec<_> = [header].into_iter().chain(self.0.iter().map(row)).collect();
        let to =
            if is_output(file) { "Standard output".into() } else { file.display().to_string() };
        let text = format!(
            "{}\n{to} has all of it: {}, made by Headroom {}.\nIt holds secrets: keep it where nobody else \
             reads it.\n",
            aligned(&rows, "lrr"),
            human(bytes),
            about.program,
        );
        if is_output(file) {
            // The words are not for whoever reads the file.
            text.lines().filter(|line| !line.is_empty()).for_each(tell);
            return Ok(());
        }
        print(&text)
    }
}

fn is_output(file: &Path) -> bool {
    file == Path::new("-")
}

/// Where it goes. A file has its name once it is complete.
struct Output {
    file: Option<(File, PathBuf, PathBuf)>,
    bytes: u64,
}

impl Output {
    fn open(path: &Path, force: bool, needed: u64) -> Result<Self, Error> {
        if is_output(path) {
            if io::stdout().is_terminal() {
                let text = "a backup is nothing for a terminal; name a file, or say where it goes: \
                            headroom backup - | ssh other-machine 'umask 077; cat > backup.tar'";
                return Err(Error::Refused(text.into()));
            }
            return Ok(Self { file: None, bytes: 0 });
        }
        if !force && fs::symlink_metadata(path).is_ok() {
            let text = format!(
                "{} is there already; choose another name, or say --force to write over it",
                path.display()
            );
            return Err(Error::Refused(text));
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let refused = |source| failed("write", path, source);
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let opened = options.open(&part).map_err(refused)?;
        let output = Self { file: Some((opened, part, path.into())), bytes: 0 };
        let free = free_at(parent(path));
        if free < needed.saturating_add(SPARE) {
            let text = format!(
                "there is too little room for {}: history takes up to {}, and {} is free there",
                path.display(),
                human(needed),
                human(free)
            );
            return Err(Error::Refused(text));
        }
        Ok(output)
    }

    /// How many bytes there are.
    fn close(mut self) -> io::Result<u64> {
        match self.file.take() {
            Some((file, part, path)) => {
                let done = file.sync_all().and_then(|()| fs::rename(&part, &path));
                if done.is_err() {
                    fs::remove_file(&part).ok();
                }
                done?;
                // Where directories cannot be opened, they need not be.
                File::open(parent(&path)).and_then(|dir| dir.sync_all()).ok();
            }
            None => io::stdout().flush()?,
        }
        Ok(self.bytes)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.file {
            Some((file, ..)) => file.write(bytes)?,
            None => io::stdout().write(bytes)?,
        };
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some((file, ..)) => file.flush(),
            None => io::stdout().flush(),
        }
    }
}

impl Drop for Output {
    /// A part of it is of no use.
    fn drop(&mut self) {
        if let Some((_, part, _)) = &self.file {
            fs::remove_file(part).ok();
        }
    }
}
