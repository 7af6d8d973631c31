//! `headroom restore`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use shared::units::human;
use tar::Archive;

use super::archive::{Member, Members};
use super::{failed, free_at, settings, takeover};
use crate::clock::unix_ms;
use crate::config::RestoreArgs;
use crate::data::{self, Stage};
use crate::error::{Error, tell};
use crate::history::frames::Records;
use crate::history::query::rfc3339;
use crate::history::{Record, Store};
use crate::past::Bar;
use crate::table::plain;
use crate::{keeper, prompt, secrets};

/// Bytes that stay free.
const SPARE: u64 = 32 << 20;
/// What every file that is packed with gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Puts back what a backup holds.
pub fn restore(args: &RestoreArgs) -> Result<(), Error> {
    let file = args.file.clone();
    let read = |source| failed("read", &file, source);
    let is_input = file == Path::new("-");
    let mut input: Box<dyn Read> = if is_input {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&file).map_err(read)?))
    };
    let mut start = Vec::new();
    input.by_ref().take(GZIP.len() as u64).read_to_end(&mut start).map_err(read)?;
    if start == GZIP {
        let text = "this is packed with gzip; unpack it: gunzip -c FILE | headroom restore - --yes";
        return Err(Error::Refused(text.into()));
    }
    let mut archive = Archive::new(start.as_slice().chain(input));
    let mut members = Members::begin(&mut archive)?;
    let mut next = members.next()?;
    let mut files = Vec::new();
    while let Some((Member::Settings(name), bytes)) = next {
        files.push((name, bytes));
        next = members.next()?;
    }
    let path = args.data.settings_file();
    let with_settings = takes_settings(args, &path, !files.is_empty());
    let text = files.iter().find(|(name, _)| with_settings && name == settings::FILE);
    let text = text.map(|(_, bytes)| String::from_utf8_lossy(bytes));
    let dir = args.data.resolve_with(text.as_deref())?;
    takeover::refuse_strangers(&dir)?;

    let about = &members.about;
    let what = format!(
        "the backup of {} from {}, made by Headroom {}",
        plain(&about.host),
        rfc3339(about.made_ms),
        plain(&about.program)
    );
    confirm(args, is_input, &what, &dir)?;
    let aside = format!("{}{}", data::BEFORE, rfc3339(unix_ms()).replace(':', "-"));
    let kept = |source| Error::Data { path: dir.clone(), source };
    let stage = Stage::begin(&dir).map_err(kept)?;
    fill(&stage, &mut members, next, &dir)?;
    data::check_versions(stage.path())?;
    // From here on it is what was written, all of it.
    if with_settings {
        settings::put(&path, &files, &aside)?;
    }
    stage.count(&aside, !takeover::is_of_unit(&dir)).map_err(kept)?;
    takeover::take_over(&dir)?;
    tell(format_args!("restored {what}, in {}", dir.display()));
    if with_settings {
        tell(format_args!("settings are restored too, in {}", path.display()));
    } else if !files.is_empty() {
        let path = path.display();
        tell(format_args!(
            "{path} is left as it is; with --settings that of the backup takes its place"
        ));
    }
    let aside = dir.join(aside);
    if aside.exists() {
        let aside = aside.display();
        tell(format_args!("what there was is in {aside}; when it is not needed: rm -r {aside}"));
    }
    Ok(())
}

/// Whether settings are restored: if that is said, or if there are none yet where this user may make some.
fn takes_settings(args: &RestoreArgs, path: &Path, are_there: bool) -> bool {
    are_there && (args.settings || (args.data.may_make_settings() && !path.exists()))
}

fn confirm(args: &RestoreArgs, is_input: bool, what: &str, dir: &Path) -> Result<(), Error> {
    if args.yes {
        return Ok(());
    }
    if is_input || !prompt::is_possible() {
        let text = format!(
            "this would replace what is in {} by {what}; say --yes if that is meant",
            dir.display()
        );
        return Err(Error::Refused(text));
    }
    let answer = prompt::shown(&format!("Replace what is in {} by {what}? [y/N] ", dir.display()))?;
    match answer.as_str() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::Refused("nothing was changed".into())),
    }
}

/// Puts all that is left of a backup into `stage`.
fn fill<R: Read>(
    stage: &Stage,
    members: &mut Members<'_, R>,
    first: Option<(Member, Vec<u8>)>,
    dir: &Path,
) -> Result<(), Error> {
    let bar = Bar::new(None);
    let (mut next, mut bytes) = (first, 0);
    while let Some((member, content)) = next {
        bytes += content.len() as u64;
        bar.at(0, bytes);
        has_room(dir, content.len() as u64)?;
        next = match member {
            Member::Settings(name) => {
                let text = format!("this cannot be restored: settings/{name} comes too late");
                return Err(Error::Refused(text));
            }
            Member::Data(name) => {
                let place = stage.path().join(name);
                secrets::write(&place, &content).map_err(|e| failed("write", &place, e))?;
                members.next()?
            }
            Member::History => history(stage, members, &content, dir, &bar, bytes)?,
        };
    }
    Ok(())
}

/// Makes history of its pieces, of which `first` is the first; gives what follows them.
fn history<R: Read>(
    stage: &Stage,
    members: &mut Members<'_, R>,
    first: &[u8],
    dir: &Path,
    bar: &Bar,
    mut bytes: u64,
) -> Result<Option<(Member, Vec<u8>)>, Error> {
    let path: PathBuf = keeper::file_in(stage.path());
    let after = RefCell::new(None);
    let (mut records, mut queue) = (Records::default(), VecDeque::new());
    take(&mut records, first, &mut queue)?;
    let mut is_over = false;
    let pieces = std::iter::from_fn(|| {
        while queue.is_empty() && !is_over {
            let next = members.next().and_then(|next| {
                let Some((Member::History, piece)) = next else {
                    *after.borrow_mut() = next;
                    is_over = true;
                    return Ok(());
                };
                bytes += piece.len() as u64;
                bar.at(0, bytes);
                has_room(dir, piece.len() as u64)?;
                take(&mut records, &piece, &mut queue)
            });
            if let Err(error) = next {
                is_over = true;
                return Some(Err(error));
            }
        }
        queue.pop_front().map(Ok)
    });
    Store::restore(&path, pieces)?;
    // The last record says that no more of them follow.
    if is_over {
        return Ok(after.into_inner());
    }
    members.next()
}

fn take(records: &mut Records, piece: &[u8], queue: &mut VecDeque<Record>) -> Result<(), Error> {
    records.take(piece, |record| {
        queue.push_back(record);
        Ok(())
    })
}

/// A disk that is full is of no use to the head that runs on it.
fn has_room(dir: &Path, bytes: u64) -> Result<(), Error> {
    let free = free_at(dir);
    if free >= bytes.saturating_add(SPARE) {
        return Ok(());
    }
    let text = format!(
        "there is too little room in {}: {} is free there; nothing was changed. What former restores left \
         is in {}*",
        dir.display(),
        human(free),
        dir.join(data::BEFORE).display()
    );
    Err(Error::Refused(text))
}
