//! Forms, as queries and OAuth have them.

/// A member of a form by its name, decoded.
pub(crate) fn member(form: &str, name: &str) -> Option<String> {
    let mut members = form_urlencoded::parse(form.as_bytes());
    members.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// A text without the escapes of a form. What is none stays as it is; what isn't UTF-8 then is replaced.
pub(crate) fn decoded(text: &str) -> String {
    // As the value of the only member of a form, which an ampersand would end.
    let form = format!("={}", text.replace('&', "%26"));
    member(&form, "").unwrap_or_default()
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
        assert_eq!((decoded("=a&b=c"), decoded("")), ("=a&b=c".to_owned(), String::new()));
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
