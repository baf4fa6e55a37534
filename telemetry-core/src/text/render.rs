//! Writes what is left of a line, whose atoms it is told one after the other, with the white space before
//! them: together they are all of the line, so that what is kept between two marks is copied at once.

use crate::text::atoms::MARK;
use crate::text::words::is_space;

pub(super) struct Render<'a, 'o> {
    out: &'o mut String,
    /// What of the line isn't written yet, and how many bytes of that are kept.
    rest: &'a str,
    kept: usize,
    /// Whether the last that was written is the mark, and only white space is kept behind it: between two
    /// marks it goes.
    marked: bool,
    /// Whether what is kept has white space in it that isn't one space.
    odd_space: bool,
}

impl<'a, 'o> Render<'a, 'o> {
    pub(super) fn new(line: &'a str, out: &'o mut String) -> Self {
        Render { out, rest: line, kept: 0, marked: false, odd_space: false }
    }

    pub(super) fn space(&mut self, space: &str) {
        self.kept += space.len();
        self.odd_space |= !matches!(space, "" | " ");
    }

    pub(super) fn value(&mut self, text: &str, kept: bool) {
        if kept {
            self.keep(text.len());
        } else {
            self.mask(text);
        }
    }

    pub(super) fn keep(&mut self, bytes: usize) {
        self.kept += bytes;
        self.marked = false;
    }

    fn mask(&mut self, text: &str) {
        if !self.marked {
            self.write();
            self.out.push_str(MARK);
        }
        self.skip(text);
        self.marked = true;
    }

    pub(super) fn quoted(&mut self, open: Option<char>, text: &str, close: Option<char>) {
        self.keep(open.map_or(0, char::len_utf8));
        if !text.is_empty() {
            self.write();
            if open.is_some() || !text.trim().is_empty() {
                self.out.push_str(MARK);
            }
            self.skip(text);
        }
        self.keep(close.map_or(0, char::len_utf8));
    }

    pub(super) fn end(mut self) {
        if !self.marked {
            self.write();
        }
    }

    /// Writes what is kept, with spaces for other white space than tabs.
    fn write(&mut self) {
        let kept = self.rest.get(..self.kept).unwrap_or("");
        if self.odd_space {
            self.out.extend(kept.chars().map(|c| if is_space(c) && c != '\t' { ' ' } else { c }));
        } else {
            self.out.push_str(kept);
        }
    }

    /// Goes on behind what is kept, and a text that isn't.
    fn skip(&mut self, text: &str) {
        self.rest = self.rest.get(self.kept + text.len()..).unwrap_or("");
        (self.kept, self.odd_space) = (0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(line: &str, tell: impl Fn(&mut Render<'_, '_>)) -> String {
        let mut out = String::new();
        let mut render = Render::new(line, &mut out);
        tell(&mut render);
        render.end();
        out
    }

    #[test]
    fn white_space_goes_between_two_marks_and_behind_the_last() {
        let line = "frob frob server frob ";
        let tell = |render: &mut Render<'_, '_>| {
            render.value("frob", false);
            render.space(" ");
            render.value("frob", false);
            render.space(" ");
            render.value("server", true);
            render.space(" ");
            render.value("frob", false);
            render.space(" ");
        };
        assert_eq!(rendered(line, tell), "*** server ***");
    }

    #[test]
    fn white_space_that_is_kept_is_shown_as_spaces_and_tabs() {
        let tell = |render: &mut Render<'_, '_>| {
            render.space("\u{a0}\t");
            render.value("server", true);
            render.space("\u{2003}\r");
        };
        assert_eq!(rendered("\u{a0}\tserver\u{2003}\r", tell), " \tserver  ");
    }

    #[test]
    fn quotes_keep_their_places_around_what_was_in_them() {
        let tell = |render: &mut Render<'_, '_>| {
            render.quoted(None, " ", Some('"'));
            render.space(" ");
            render.quoted(Some('\u{201c}'), " ", Some('\u{201d}'));
            render.quoted(Some('\''), "", Some('\''));
            render.value("frob", false);
            render.space(" ");
            render.quoted(Some('`'), "frob", None);
        };
        assert_eq!(rendered(" \" \u{201c} \u{201d}''frob `frob", tell), "\" \u{201c}***\u{201d}''*** `***");
    }
}
