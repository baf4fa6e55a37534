//! A file that grows, and is set aside as `FILE.1` when it is full, as a dry run's is; or is copied there and
//! emptied, as others do it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

/// A longer line is passed over, and counted. A dry run's is at most 10 MiB.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;

/// What is read at once.
const PIECE: usize = 256 * 1024;

/// Bytes before the place up to which a file was read, which are read again at each look. Where they are
/// others, it was emptied and written anew.
const OVERLAP: usize = 4096;

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
    /// How often it was set aside more than once between two looks, so that a file may have been missed, or
    /// emptied while a line was being written, whose rest was missed.
    pub(crate) gaps: u64,
}

#[derive(Debug)]
struct Tail {
    file: File,
    at: u64,
    /// What stands before that, as it was read.
    overlap: Vec<u8>,
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
                let mut aside = Tail::new(aside);
                aside.read(&mut self.lines, &mut each)?;
                self.lines.end(&mut each);
                self.before = Some(aside);
            }
            self.open = Some(Tail::new(file));
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
            while !tail.read(&mut self.lines, &mut each)? {
                // Where it was copied before it was emptied, the copy has what wasn't read yet.
                if let Some(copy) = regular(&self.aside, false)? {
                    tail.in_file(copy).read(&mut self.lines, &mut each)?;
                }
                self.gaps += u64::from(self.lines.break_off(&mut each));
                tail.begin_anew();
            }
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
                Tail::new(aside).read(&mut self.lines, &mut each)?;
                self.lines.end(&mut each);
            }
            self.before = self.open.replace(Tail::new(file));
        }
        Ok(any)
    }

    /// Hands on what stands behind the last line's end, for a file that nobody writes to any more.
    pub(crate) fn finish(&mut self, line: impl FnMut(&[u8])) {
        self.lines.end(line);
    }
}

impl Tail {
    fn new(file: File) -> Tail {
        Tail { file, at: 0, overlap: Vec::new() }
    }

    /// The same place of another file.
    fn in_file(&self, file: File) -> Tail {
        Tail { file, at: self.at, overlap: self.overlap.clone() }
    }

    fn begin_anew(&mut self) {
        (self.at, self.overlap) = (0, Vec::new());
    }

    /// Reads to the end, and says whether the file still is the one that was read before. If it was emptied,
    /// and perhaps written anew, nothing more is read of it.
    fn read(&mut self, lines: &mut Lines, mut line: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut piece = Vec::new();
        loop {
            self.file.seek(SeekFrom::Start(self.at - self.overlap.len() as u64))?;
            piece.clear();
            (&self.file).take((OVERLAP + PIECE) as u64).read_to_end(&mut piece)?;
            let Some(new) = piece.strip_prefix(self.overlap.as_slice()) else { return Ok(false) };
            if new.is_empty() {
                return Ok(true);
            }
            lines.push(new, &mut line);
            self.at += new.len() as u64;
            self.overlap = piece[piece.len().saturating_sub(OVERLAP)..].to_vec();
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

    fn add(&mut self, mut bytes: &[u8]) {
        if self.skipping {
            return;
        }
        // Whoever writes on at the old place in a file that was emptied leaves zeros before it.
        if self.begun.is_empty() {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes = &bytes[zeros..];
        }
        if self.begun.len() + bytes.len() > MAX_LINE {
            self.begun = Vec::new();
            self.skipping = true;
            self.too_long += 1;
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    /// Ends a line whose rest is gone, and says whether it was lost by that: half of one is none.
    fn break_off(&mut self, line: impl FnMut(&[u8])) -> bool {
        let is_whole = self.begun.iter().all(u8::is_ascii_whitespace)
            || serde_json::from_slice::<IgnoredAny>(&self.begun).is_ok();
        if !is_whole {
            self.begun.clear();
        }
        self.end(line);
        !is_whole
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

    /// A line of this many bytes, of which each number has its own.
    fn long(number: usize, bytes: usize) -> String {
        format!("{number}{}\n", "x".repeat(bytes - 2))
    }

    #[test]
    fn a_file_that_is_emptied_and_has_grown_past_its_old_length_begins_anew() {
        let folder = Folder::new("regrown");
        let mut follower = Follower::new(&folder.file());
        for bytes in [3, 100, OVERLAP - 1, OVERLAP, OVERLAP + 1, 3 * OVERLAP] {
            for (before, after) in [(1, 1), (1, 2), (2, 3), (3, 2)] {
                fs::write(folder.file(), "").unwrap();
                assert_eq!(lines(&mut follower), "");
                fs::write(folder.file(), long(1, bytes).repeat(before)).unwrap();
                assert!(lines(&mut follower).starts_with("1x"));
                // As long as before, longer, or shorter, and with no line's end where the old ones ended.
                let new = "0\n".to_owned() + &long(2, bytes + 7).repeat(after);
                fs::write(folder.file(), &new).unwrap();
                assert_eq!(lines(&mut follower), new.trim_end().replace('\n', " "), "{bytes}");
                assert_eq!(lines(&mut follower), "");
            }
        }
        assert_eq!(follower.gaps, 0);
    }

    #[test]
    fn of_a_line_that_was_cut_by_emptying_nothing_is_handed_on() {
        let folder = Folder::new("cut");
        folder.add("1\n{\"a\":");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "1");
        fs::write(folder.file(), "[2,2,2,2,2]\n{}").unwrap();
        assert_eq!((lines(&mut follower).as_str(), follower.gaps), ("[2,2,2,2,2]", 1));
        // One that only lacks its end is whole.
        fs::write(folder.file(), "[3,3,3,3,3,3,3,3]\n").unwrap();
        assert_eq!((lines(&mut follower).as_str(), follower.gaps), ("{} [3,3,3,3,3,3,3,3]", 1));
    }

    #[test]
    fn what_a_copy_has_is_read_where_the_file_was_emptied() {
        let folder = Folder::new("copied");
        folder.add("1\n[2,");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "1");
        folder.add("2]\n3\n");
        fs::copy(folder.file(), folder.0.join("file.1")).unwrap();
        fs::write(folder.file(), "4444444444444444\n5\n").unwrap();
        assert_eq!(lines(&mut follower), "[2,2] 3 4444444444444444 5");
        // Another time, and nobody copied it.
        fs::write(folder.file(), "6\n").unwrap();
        assert_eq!((lines(&mut follower).as_str(), follower.gaps), ("6", 0));
    }

    #[test]
    fn zeros_before_a_line_are_none_of_it() {
        let folder = Folder::new("zeros");
        folder.add("1\n2\n");
        let mut follower = Follower::new(&folder.file());
        assert_eq!(lines(&mut follower), "1 2");
        // As a writer leaves them who doesn't append.
        let file = fs::OpenOptions::new().write(true).open(folder.file()).unwrap();
        file.set_len(0).unwrap();
        (&file).seek(SeekFrom::Start(MAX_LINE as u64 + 1)).unwrap();
        (&file).write_all(b"3\n").unwrap();
        assert_eq!((lines(&mut follower).as_str(), follower.too_long()), ("3", 0));
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
