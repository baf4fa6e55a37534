//! JSON inside a string of JSON: what the outer one escapes, quotes and backslashes, is written escaped.

/// The fields of an object. One that is `None` is left out.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// What is written behind its opening brace.
    pub(super) fn opened(out: &'a mut Vec<u8>) -> Self {
        Object { out, empty: true }
    }

    /// What is written behind a field.
    pub(super) fn continued(out: &'a mut Vec<u8>) -> Self {
        Object { out, empty: false }
    }

    #[inline]
    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(br#"\""#);
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(br#"\":"#);
    }

    #[inline]
    pub(super) fn number(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.key(key);
            integer(self.out, value);
        }
    }

    #[inline]
    pub(super) fn flag(&mut self, key: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.key(key);
            self.out.extend_from_slice(if value { b"true" } else { b"false" });
        }
    }

    /// An id or the name of a value: it has no sign that JSON escapes.
    #[inline]
    pub(super) fn name(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key);
            self.quoted(|out| out.extend_from_slice(value.as_bytes()));
        }
    }

    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.key(key);
            self.quoted(|out| escaped(out, value));
        }
    }

    pub(super) fn texts(&mut self, key: &str, values: Option<&[String]>) {
        let Some(values) = values else { return };
        self.key(key);
        self.out.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            self.quoted(|out| escaped(out, value));
        }
        self.out.push(b']');
    }

    /// A text of lines; without any it is left out.
    pub(super) fn lines(&mut self, key: &str, write: impl FnOnce(&mut Lines<'_>)) {
        self.unless(key, |out| {
            let mut lines = Lines { out, empty: true };
            lines.out.extend_from_slice(br#"\""#);
            write(&mut lines);
            lines.out.extend_from_slice(br#"\""#);
            lines.empty
        });
    }

    /// An object, also one without fields.
    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        self.out.push(b'{');
        write(&mut Object::opened(self.out));
        self.out.push(b'}');
    }

    /// An object; without fields it is left out.
    pub(super) fn object_unless_empty(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.unless(key, |out| {
            let mut object = Object::opened(out);
            object.out.push(b'{');
            write(&mut object);
            object.out.push(b'}');
            object.empty
        });
    }

    /// Takes a field back of which nothing came.
    fn unless(&mut self, key: &str, is_empty: impl FnOnce(&mut Vec<u8>) -> bool) {
        let (before, empty) = (self.out.len(), self.empty);
        self.key(key);
        if is_empty(self.out) {
            self.out.truncate(before);
            self.empty = empty;
        }
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend_from_slice(br#"\""#);
        write(self.out);
        self.out.extend_from_slice(br#"\""#);
    }
}

/// The lines of a text.
pub(super) struct Lines<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl Lines<'_> {
    fn begin(&mut self, label: &str) {
        if !std::mem::take(&mut self.empty) {
            escaped(self.out, "\n");
        }
        escaped(self.out, label);
    }

    pub(super) fn text(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.begin(label);
            escaped(self.out, value);
        }
    }

    pub(super) fn number(&mut self, label: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.begin(label);
            integer(self.out, value);
        }
    }
}

pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A text in a string of the inner JSON: escaped as there, and that escaped as in the outer.
fn escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')) {
        let (plain, behind) = rest.split_at(place);
        out.extend_from_slice(plain);
        let [sign, behind @ ..] = behind else { return };
        match sign {
            b'"' => out.extend_from_slice(br#"\\\""#),
            b'\\' => out.extend_from_slice(br"\\\\"),
            0x08 => out.extend_from_slice(br"\\b"),
            b'\t' => out.extend_from_slice(br"\\t"),
            b'\n' => out.extend_from_slice(br"\\n"),
            0x0c => out.extend_from_slice(br"\\f"),
            b'\r' => out.extend_from_slice(br"\\r"),
            control => out.extend_from_slice(format!(r"\\u{control:04x}").as_bytes()),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_escaped_as_serde_does_it_twice() {
        for character in
            ['\0'..='\u{2fff}', '\u{d7f0}'..='\u{e00f}', '\u{fff0}'..='\u{1000f}'].into_iter().flatten()
        {
            let text = format!("a{character}{character}b");
            let mut out = Vec::new();
            Object::opened(&mut out).text("t", Some(&text));
            let twice = serde_json::to_string(&serde_json::to_string(&text).unwrap()).unwrap();
            let within = format!(r#"\"t\":{}"#, &twice[1..twice.len() - 1]);
            assert_eq!(String::from_utf8(out).unwrap(), within, "{character:?}");
        }
    }

    #[test]
    fn integers_are_written_in_full() {
        // Around each number of digits, and with zeros between them.
        let powers = (0..19).map(|digits| 10_i64.pow(digits)).flat_map(|power| [power - 1, power, power + 1]);
        let others = [1_795_523_848_610, 20_003, 100_020_003, i64::MAX];
        for value in powers.chain(others).flat_map(|value| [value, -value, !value]) {
            let mut out = Vec::new();
            integer(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
