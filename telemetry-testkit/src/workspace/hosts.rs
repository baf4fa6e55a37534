//! Which hosts a request may be for, where no page of a browser is served.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::http::request::Parts;
use hyper::http::uri::Authority;

/// The host that a request is for, unless that is this machine, under an address of its own, `localhost` or
/// one of these names, on any port. A page whose name was made to lead here asks for that name; what asks for
/// none at all is no browser.
pub(crate) fn other_host<'a>(head: &'a Parts, allowed: &[String]) -> Option<Cow<'a, str>> {
    let headers = head.headers.get_all("host").iter().map(|host| String::from_utf8_lossy(host.as_bytes()));
    let mut named = headers.chain(head.uri.authority().map(|host| Cow::from(host.as_str())));
    named.find(|host| !is_allowed(host, allowed))
}

fn is_allowed(host: &str, allowed: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || v6.and_then(|name| name.parse::<Ipv6Addr>().ok()).is_some_and(|address| address.is_loopback())
        || allowed.iter().any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn is_served(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let head = request.body(()).unwrap().into_parts().0;
        other_host(&head, &["other.example".to_owned(), "[2001:db8::1]".to_owned()]).is_none()
    }

    #[test]
    fn this_machine_is_known_by_its_addresses_and_by_the_names_allowed_on_any_port() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8443",
            "127.1.2.3:1",
            "[::1]",
            "[::1]:8443",
            "localhost",
            "LocalHost:80",
            "other.example",
            "Other.Example:8443",
            "[2001:db8::1]:443",
        ] {
            assert!(is_served("/", &[host]), "{host}");
            assert!(is_served(&format!("http://{host}/"), &[host]), "{host}");
        }
        assert!(is_served("/", &[]), "it names none");
    }

    #[test]
    fn any_other_name_is_refused_wherever_it_stands() {
        for host in [
            "",
            "evil.example",
            "evil.example:8443",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "evil-other.example",
            "128.0.0.1",
            "0.0.0.0",
            "[::2]",
            "::1",
            "127.0.0.1, evil.example",
            "http://127.0.0.1",
            "ü",
            "localhost\u{fffd}",
        ] {
            assert!(!is_served("/", &[host]), "{host}");
            assert!(!is_served("/", &["127.0.0.1", host]), "{host}");
        }
        assert!(!is_served("http://evil.example/", &["127.0.0.1"]));
        assert!(!is_served("http://evil.example/", &[]));
    }
}
