//! A file that lines are appended to, within a bound.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::fault::{Fault, PluginError};

/// A file that an exporter appends lines to, within a bound.
///
/// A file that would grow past its bound is set aside as `FILE.1`, in the place of the one before, so that
/// both together take twice the bound at the most, also when several write to it in turn; those that write at
/// the very same moment may pass it by what they append.
///
/// Only a regular file is written and set aside; a device, a pipe, a directory and a link are refused. The
/// file is opened for each append, and made its owner's alone where the system knows such a thing, also when
/// it was there before; one that can't be is not written. It is created by the first append.
///
/// Its `Debug` doesn't show the path, which may name a user.
pub struct RotatedFile {
    path: PathBuf,
    max_bytes: u64,
}

impl RotatedFile {
    /// The file at this path, which may grow to so many bytes.
    pub fn new(path: impl Into<PathBuf>, max_bytes: u64) -> Self {
        RotatedFile { path: path.into(), max_bytes }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends this whole, or not at all. It may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Fault::TooLarge`] where this alone is longer than the bound, [`Fault::Write`] for what can't be
    /// written; no part of it is left behind then.
    pub fn append(&mut self, lines: &[u8]) -> Result<(), PluginError> {
        if lines.len() as u64 > self.max_bytes {
            return Err(Fault::TooLarge.into());
        }
        self.write(lines).map_err(|error| Fault::Write(error.kind()).into())
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let mut file = open(&self.path)?;
        // Its real length: others may write to it too.
        if file.metadata()?.len() + lines.len() as u64 > self.max_bytes {
            let mut aside = self.path.clone().into_os_string();
            aside.push(".1");
            fs::rename(&self.path, aside)?;
            file = open(&self.path)?;
        }
        append(&mut file, lines)
    }
}

impl fmt::Debug for RotatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedFile").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// Appends lines whole, or not at all.
fn append(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let mut written = 0;
    loop {
        // One call as a rule, so that two processes that write to one file don't mix their lines.
        match file.write(&lines[written..]) {
            Ok(0) if written < lines.len() => break Err(ErrorKind::WriteZero.into()),
            Ok(more) if written + more == lines.len() => break Ok(()),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    }
    .inspect_err(|_| {
        // Unless somebody else has written behind it.
        if file.metadata().is_ok_and(|now| now.len() == before + written as u64) {
            _ = file.set_len(before);
        }
    })
}

fn open(path: &Path) -> io::Result<File> {
    // Somebody else may create the file, or set it aside, between the look at it and the opening.
    open_regular(path).or_else(|_| open_regular(path))
}

/// Opens a file that is a regular one and no link, or isn't there. It is looked at first, as to open a pipe
/// would wait.
fn open_regular(path: &Path) -> io::Result<File> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Some(found),
        Ok(_) => return Err(ErrorKind::InvalidInput.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut options = OpenOptions::new();
    options.append(true).create_new(found.is_none());
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let opened = file.metadata()?;
        if found.is_some_and(|found| (found.dev(), found.ino()) != (opened.dev(), opened.ino())) {
            return Err(ErrorKind::InvalidInput.into());
        }
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_whole_within_the_bound_and_a_full_file_is_set_aside() {
        let path = std::env::temp_dir().join(format!("telemetry-rotated-{}", std::process::id()));
        let aside = path.with_extension("1");
        let mut file = RotatedFile::new(&path, 8);
        let held = || [&path, &aside].map(|path| fs::read_to_string(path).unwrap_or_default());
        assert_eq!(file.append(b"too long\n"), Err(Fault::TooLarge.into()));
        assert_eq!(held(), ["", ""]);
        for (lines, expected) in [
            ("one\n", ["one\n", ""]),
            ("two\n", ["one\ntwo\n", ""]),
            ("three\n", ["three\n", "one\ntwo\n"]),
            ("four\n5\n", ["four\n5\n", "three\n"]),
        ] {
            assert_eq!(file.append(lines.as_bytes()), Ok(()));
            assert_eq!(held(), expected);
        }
        drop(fs::remove_file(&path));
        // What is no regular file is neither written nor set aside.
        fs::create_dir(&path).unwrap();
        let refused = file.append(b"six\n");
        assert!(path.is_dir() && matches!(refused.unwrap_err().fault, Fault::Write(_)));
        drop((fs::remove_dir(&path), fs::remove_file(&aside)));
        assert!(!format!("{file:?}").contains("rotated-"), "its path isn't shown");
    }
}
