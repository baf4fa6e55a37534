//! Forms, as queries and OAuth have them.

/// A member of a form by its name, decoded.
pub(crate) fn member(form: &str, name: &str) -> Option<String> {
    let mut members = form.split('&').map(|member| member.split_once('=').unwrap_or((member, "")));
    members.find(|(known, _)| decoded(known) == name).map(|(_, value)| decoded(value))
}

/// A text without the escapes of a form. What is none stays as it is; what isn't UTF-8 then is replaced.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_name_and_decoded() {
        let form = "grant=a&scope=all-apis+offline&se%63ret=%2B%e4%bd%a0%25&o";
        assert_eq!(member(form, "scope").as_deref(), Some("all-apis offline"));
        assert_eq!(member(form, "secret").as_deref(), Some("+你%"));
        assert_eq!(member(form, "o").as_deref(), Some(""));
        assert_eq!(member(form, "gran"), None);
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(decoded("%4x%+%4"), "%4x% %4");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
