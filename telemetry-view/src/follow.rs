//! A file that grows, and is set aside as `FILE.1` when it is full, as a dry run's is.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A longer line is passed over, and counted. A dry run's is at most 10 MiB.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// What is read at once.
const PIECE: usize = 256 * 1024;

/// Reads a file's lines, those of the one that was set aside before it included, each once.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    aside: PathBuf,
    /// The file that is being read, and how far.
    open: Option<Tail>,
    lines: Lines,
    /// The one before it, which somebody may have been writing to while it was set aside.
    before: Option<Tail>,
    /// How often it was set aside more than once between two looks, so that a file may have been missed.
    pub(crate) gaps: u64,
}

#[derive(Debug)]
struct Tail {
    file: File,
    at: u64,
}

impl Follower {
    /// Of a path at which there may be no file yet.
    pub(crate) fn new(path: &Path) -> Follower {
        let mut aside = OsString::from(path);
        aside.push(".1");
        Follower {
            path: path.to_owned(),
            aside: aside.into(),
            open: None,
            before: None,
            lines: Lines::default(),
            gaps: 0,
        }
    }

    /// How many lines were too long.
    pub(crate) fn too_long(&self) -> u64 {
        self.lines.too_long
    }

    /// Hands on all lines that are there, and says whether there was any.
    ///
    /// # Errors
    ///
    /// What the system says; a file that isn't there is none.
    pub(crate) fn poll(&mut self, mut line: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut any = false;
        let mut each = |bytes: &[u8]| {
            any = true;
            line(bytes);
        };
        if self.open.is_none() {
            let Some(file) = regular(&self.path, true)? else { return Ok(false) };
            // What was set aside comes first, unless that is the file itself, as it was moved just now.
            if let Some(aside) = regular(&self.aside, false)?
                && !is_same(&aside.metadata()?, &file.metadata()?)
            {
                let mut aside = Tail { file: aside, at: 0 };
                aside.read(&mut self.lines, &mut each)?;
                self.lines.end(&mut each);
                self.before = Some(aside);
            }
            self.open = Some(Tail { file, at: 0 });
        } else if let Some(mut before) = self.before.take() {
            // A line begun in the newer one is not to be mixed with this one's.
            before.read(&mut Lines::default(), &mut each)?;
        }
        while let Some(tail) = &mut self.open {
            let now = match fs::metadata(&self.path) {
                Ok(now) => Some(now),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            // Looked at before it is read to its end: nothing is added to a file that has been set aside.
            let old = tail.file.metadata()?;
            tail.read(&mut self.lines, &mut each)?;
            match now {
                Some(now) if is_same(&now, &old) => break,
                // Set aside, and no new one begun.
                None => break,
                Some(_) => {}
            }
            self.lines.end(&mut each);
            let Some(file) = regular(&self.path, true)? else { break };
            if let Some(aside) = regular(&self.aside, false)?
                && !is_same(&aside.metadata()?, &old)
                && !is_same(&aside.metadata()?, &file.metadata()?)
            {
                self.gaps += 1;
                Tail { file: aside, at: 0 }.read(&mut self.lines, &mut each)?;
                self.lines.end(&mut each);
            }
            self.before = self.open.replace(Tail { file, at: 0 });
        }
        Ok(any)
    }

    /// Hands on what stands behind the last line's end, for a file that nobody writes to any more.
    pub(crate) fn finish(&mut self, line: impl FnMut(&[u8])) {
        self.lines.end(line);
    }
}

impl Tail {
    fn read(&mut self, lines: &mut Lines, mut line: impl FnMut(&[u8])) -> io::Result<()> {
        // Emptied, and written anew.
        if self.file.metadata()?.len() < self.at {
            io::Seek::rewind(&mut self.file)?;
            self.at = 0;
            lines.end(&mut line);
        }
        let mut piece = vec![0; PIECE];
        loop {
            match self.file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    self.at += read as u64;
                    lines.push(&piece[..read], &mut line);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Bytes, cut into lines.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
    too_long: u64,
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.add(&bytes[..end]);
            self.end(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.add(bytes);
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        if self.begun.len() + bytes.len() > MAX_LINE {
            self.begun = Vec::new();
            self.skipping = true;
            self.too_long += 1;
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.begun.iter().all(u8::is_ascii_whitespace) {
            line(&self.begun);
        }
        self.begun.clear();
        self.skipping = false;
    }
}

/// Opens a regular file; any other would be waited for, or never end. Of the one that is set aside no link is
/// followed, as nobody named it.
fn regular(path: &Path, follow: bool) -> io::Result<Option<File>> {
    let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let found = match found {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !found.is_file() {
        return if follow {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"))
        } else {
            Ok(None)
        };
    }
    match File::open(path) {
        // Somebody may have put another thing in its place.
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A folder of its own, which goes with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("telemetry-view-{}-{name}", std::process::id()));
            _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("file")
        }

        fn add(&self, text: &str) {
            let mut options = fs::OpenOptions::new();
            let mut file = options.append(true).create(true).open(self.file()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn set_aside(&self) {
            fs::rename(self.file(), self.0.join("file.1")).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn lines(follower: &mut Follower) -> String {
        let mut all = String::new();
        follower.poll(|line| all += &format!("{} ", String::from_utf8_lossy(line))).unwrap();
        all.trim_end().to_owned()
    }

    #[test]
    fn each_line_comes_once_it_is_whole() {
        let folder = Folder::new("whole");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "", "no file yet");
        folder.add("a\n\n  \nb");
        assert_eq!(lines(&mut follower), "a");
        folder.add("c\nd");
        assert_eq!(lines(&mut follower), "bc");
        let mut rest = String::new();
        follower.finish(|line| rest += &String::from_utf8_lossy(line));
        assert_eq!(rest, "d");
    }

    #[test]
    fn what_was_set_aside_before_comes_first() {
        let folder = Folder::new("before");
        folder.add("a\n");
        folder.set_aside();
        folder.add("b\n");
        assert_eq!(lines(&mut Follower::new(&folder.file())), "a b");
    }

    #[test]
    fn no_line_is_lost_or_read_twice_when_the_file_is_set_aside() {
        let folder = Folder::new("aside");
        folder.add("a\n");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "a");
        folder.add("b\n");
        folder.set_aside();
        assert_eq!(lines(&mut follower), "b", "no new one is there yet");
        folder.add("c\n");
        assert_eq!(lines(&mut follower), "c");
        // Twice between two looks.
        folder.add("d\n");
        folder.set_aside();
        folder.add("e\n");
        folder.set_aside();
        folder.add("f\n");
        assert_eq!(lines(&mut follower), "d e f");
        assert_eq!(follower.gaps, 1);
    }

    #[test]
    fn what_is_added_to_a_file_while_it_is_set_aside_is_read() {
        let folder = Folder::new("late");
        folder.add("a\n");
        let mut late = fs::OpenOptions::new().append(true).open(folder.file()).unwrap();
        let mut follower = Follower::new(&folder.file());
        folder.set_aside();
        folder.add("b");
        assert_eq!(lines(&mut follower), "a");
        late.write_all(b"late\n").unwrap();
        folder.add("c\n");
        assert_eq!(lines(&mut follower), "late bc");
    }

    #[test]
    fn a_file_that_is_emptied_begins_anew() {
        let folder = Folder::new("emptied");
        folder.add("aaaa\n");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "aaaa");
        fs::write(folder.file(), "b\n").unwrap();
        assert_eq!(lines(&mut follower), "b");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let folder = Folder::new("long");
        folder.add(&"x".repeat(MAX_LINE + 1));
        folder.add("\nb\n");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "b");
        assert_eq!(follower.too_long(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_read_and_no_link_in_the_place_of_the_one_set_aside() {
        let folder = Folder::new("regular");
        let secret = folder.0.join("secret");
        fs::write(&secret, "secret\n").unwrap();
        std::os::unix::fs::symlink(&secret, folder.0.join("file.1")).unwrap();
        folder.add("a\n");
        assert_eq!(lines(&mut Follower::new(&folder.file())), "a");
        let error = Follower::new(&folder.0).poll(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = Follower::new(Path::new("/dev/zero")).poll(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
