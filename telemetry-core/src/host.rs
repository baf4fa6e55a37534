//! Hosts: which names may be called, and which addresses may be connected to. Normalised and validated once,
//! compared as a value.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Which hosts may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HostPolicy {
    /// HTTPS alone, and no address of this machine or of its link.
    #[default]
    Public,
    /// Also plain HTTP, and also this machine. For tests and local development: a token sent this way is
    /// readable by anybody on the way.
    AllowLoopback,
    /// Also plain HTTP, to this machine and to private networks alone: for a collector that whoever operates
    /// the program runs next to it, and that no token is sent to. A public address is refused, so what is
    /// sent in the clear stays inside.
    Private,
}

impl HostPolicy {
    /// Whether a transport may connect to this address on a host's behalf: asked for every address that the
    /// name resolves to, so that a name can't smuggle in what is refused when spelled as an address.
    ///
    /// Refused are this machine, its link, the metadata services of clouds also where they are elsewhere, and
    /// addresses that are no single peer: unspecified, multicast, broadcast; each also in the forms by which
    /// IPv6 maps, translates and tunnels IPv4. Private ranges are allowed, as workspaces behind a private
    /// link resolve to them. Under [`HostPolicy::AllowLoopback`] all are allowed. Under
    /// [`HostPolicy::Private`] these alone are: loopback, private (RFC 1918), shared (RFC 6598) and unique
    /// local addresses, mapped ones too, without the metadata services among them.
    pub fn may_connect(self, address: IpAddr) -> bool {
        match self {
            HostPolicy::Public => is_public(address),
            HostPolicy::AllowLoopback => true,
            HostPolicy::Private => is_private(address),
        }
    }
}

/// A workspace host: a name in lower case, a port, and whether it is called over HTTPS.
///
/// Two spellings of one host are equal: case, white space around it, a scheme, a trailing slash or dot and an
/// explicit default port make no difference.
///
/// ```
/// use telemetry_core::{Host, HostPolicy};
///
/// # fn main() -> Result<(), telemetry_core::InvalidHost> {
/// let host = Host::parse(" https://DBC-a1b2.cloud.databricks.com:443/ ", HostPolicy::Public)?;
/// assert_eq!(host, Host::parse("dbc-a1b2.cloud.databricks.com", HostPolicy::Public)?);
/// assert_eq!(host.name(), "dbc-a1b2.cloud.databricks.com");
/// assert_eq!(host.port(), 443);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    name: Arc<str>,
    port: u16,
    secure: bool,
    policy: HostPolicy,
}

impl Host {
    /// Reads a host as a user would write it: a name or an address, optionally with `https://` before it and
    /// a port or a slash behind it.
    ///
    /// # Errors
    ///
    /// [`InvalidHost`] when it is empty, longer than 253 characters or not ASCII (write
    /// international names in their `xn--` form), holds a user name, a path, a query or a character that
    /// names don't hold, is plain `http://` where the policy has HTTPS alone, or is an address (or one of the names
    /// `localhost`, `*.localhost`, or a cloud's metadata service) that the policy refuses.
    pub fn parse(text: &str, policy: HostPolicy) -> Result<Host, InvalidHost> {
        let plain = policy != HostPolicy::Public;
        let rest = text.trim();
        let (secure, rest) = match split_scheme(rest) {
            (None, rest) => (true, rest),
            (Some(scheme), rest) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            (Some(scheme), rest) if scheme.eq_ignore_ascii_case("http") && plain => (false, rest),
            (Some(scheme), _) if scheme.eq_ignore_ascii_case("http") => {
                return Err(invalid("plain HTTP would show the token to everybody on the way"));
            }
            (Some(_), _) => return Err(invalid("its scheme isn't https")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let default_port = if secure { 443 } else { 80 };
        let (name, port) = split_port(rest, default_port)?;
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        let name = match address_of(&name) {
            Some(address) if policy.may_connect(address) => Cow::Owned(canonical(address)),
            Some(_) if plain => return Err(invalid("it is no address of this machine or a private network")),
            Some(_) => return Err(invalid("it is an address of this machine or of its link")),
            None => {
                check_name(&name)?;
                if !plain && (name == "localhost" || name.ends_with(".localhost")) {
                    return Err(invalid("it is a name of this machine"));
                }
                if is_metadata_service(&name) {
                    return Err(invalid("it is a name of a cloud's metadata service"));
                }
                name
            }
        };
        Ok(Host { name: name.into(), port, secure, policy })
    }

    /// Whether a text is this host's name as it is kept, and the rest is what it is where nothing is said of
    /// it: by this policy it is this host.
    pub(crate) fn is_spelled(&self, text: &str, policy: HostPolicy) -> bool {
        self.secure && self.port == 443 && self.policy == policy && *self.name == *text
    }

    /// The bare name or address in lower case; an IPv6 address has its brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port: 443 unless another was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is called over HTTPS, as it always is under [`HostPolicy::Public`].
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Scheme, name and port, as a URL starts with them: `https://name`, or `https://name:8443`.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.name),
            (_, port) => format!("{scheme}://{}:{port}", self.name),
        }
    }

    /// The policy by which it was accepted.
    pub fn policy(&self) -> HostPolicy {
        self.policy
    }

    /// Whether a transport may connect to this address on the host's behalf, by its
    /// [policy](HostPolicy::may_connect).
    pub fn may_connect(&self, address: IpAddr) -> bool {
        self.policy().may_connect(address)
    }
}

fn invalid(reason: &'static str) -> InvalidHost {
    InvalidHost { reason }
}

/// A text is not a host that telemetry may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a host that telemetry may be sent to: {reason}")]
#[non_exhaustive]
pub struct InvalidHost {
    /// What is wrong with it, in words. The text itself isn't repeated, as it may hold a password.
    pub reason: &'static str,
}

fn split_scheme(text: &str) -> (Option<&str>, &str) {
    // Most have none, and a byte is found sooner than a text.
    if !text.contains(':') {
        return (None, text);
    }
    match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    }
}

fn split_port(text: &str, default_port: u16) -> Result<(&str, u16), InvalidHost> {
    let (name, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or_else(|| invalid("its bracket doesn't close"))?;
        let (name, behind) = text.split_at(end + 1);
        match (behind, behind.strip_prefix(':')) {
            ("", _) => (name, None),
            (_, Some(port)) => (name, Some(port)),
            (_, None) => return Err(invalid("something other than a port stands behind it")),
        }
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    let Some(port) = port else { return Ok((name, default_port)) };
    if port.is_empty() || port.len() > 5 || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("its port isn't a number"));
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(invalid("its port is out of range")),
        Ok(port) => Ok((name, port)),
    }
}

fn check_name(name: &str) -> Result<(), InvalidHost> {
    if name.is_empty() {
        return Err(invalid("it is empty"));
    }
    if name.len() > 253 {
        return Err(invalid("it is longer than 253 characters"));
    }
    let labels = || name.as_bytes().split(|byte| *byte == b'.');
    for label in labels() {
        if label.is_empty() || label.len() > 63 {
            return Err(invalid("a part between its dots is empty or longer than 63 characters"));
        }
        if !label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(invalid("it holds something other than letters, digits, hyphens and dots"));
        }
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Err(invalid("a part of it starts or ends with a hyphen"));
        }
    }
    // Resolvers read `127.1`, `0x7f.1` and `2130706433` as addresses: a last part that is a number is no
    // name.
    let last = labels().next_back().unwrap_or_default();
    let hexadecimal = last.strip_prefix(b"0x").is_some_and(|rest| rest.iter().all(u8::is_ascii_hexdigit));
    if hexadecimal || last.iter().all(u8::is_ascii_digit) {
        return Err(invalid("it is an address in a form that isn't accepted"));
    }
    Ok(())
}

fn address_of(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn canonical(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || METADATA_V6.contains(&address))
                && embedded_v4(address).into_iter().flatten().all(is_public_v4)
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            address.is_loopback() || (address.is_private() || shared) && !METADATA_V4.contains(&address)
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(IpAddr::V4(mapped)),
            None => address.is_loopback() || address.is_unique_local() && !METADATA_V6.contains(&address),
        },
    }
}

/// The metadata services of clouds that have a unique local address.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// The metadata and platform services of clouds that aren't link-local: Azure's, Alibaba's, Oracle's.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];

fn is_public_v4(address: Ipv4Addr) -> bool {
    !(address.is_loopback()
        || address.is_unspecified()
        || address.octets()[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.octets()[0] >= 240
        || METADATA_V4.contains(&address))
}

/// The names by which clouds' metadata services are called.
fn is_metadata_service(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.azure.internal",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.oraclecloud.com",
        "metadata.tencentyun.com",
    ];
    NAMES
        .iter()
        .any(|known| name.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The IPv4 addresses that an IPv6 one stands for: mapped, translated (SIIT, RFC 2765), compatible, NAT64
/// (RFC 6052, and RFC 8215's local prefix with an address in either place), 6to4, Teredo (its server, and its
/// client's, which is inverted), ISATAP.
fn embedded_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => {
            [join(g, h), None]
        }
        // Of a /48, RFC 6052 has the address around bits 64 to 71, which are zero.
        (0x64, 0xff9b, 1, ..) => [join(g, h), join(d, (e & 0xff) << 8 | f >> 8)],
        (0x2002, ..) => [join(b, c), None],
        (0x2001, 0, ..) => [join(c, d), join(!g, !h)],
        (_, _, _, _, 0 | 0x200, 0x5efe) => [join(g, h), None],
        _ => [None, None],
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == if self.secure { 443 } else { 80 } {
            f.write_str(&self.name)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_host_are_one_host() {
        let host = Host::parse("dbc-a1.cloud.databricks.com", HostPolicy::Public).unwrap();
        for spelling in [
            "DBC-A1.cloud.databricks.com",
            " dbc-a1.cloud.databricks.com",
            "dbc-a1.cloud.databricks.com/",
            "dbc-a1.cloud.databricks.com.",
            "https://dbc-a1.cloud.databricks.com",
            "HTTPS://dbc-a1.cloud.databricks.com:443/\n",
        ] {
            assert_eq!(Host::parse(spelling, HostPolicy::Public).unwrap(), host, "{spelling}");
        }
    }

    #[test]
    fn refuses_what_is_no_public_https_host() {
        for text in [
            "",
            "/",
            "https://",
            "http://dbc.databricks.com",
            "ftp://dbc.databricks.com",
            "user:secret@dbc.databricks.com",
            "https://user@dbc.databricks.com",
            "dbc.databricks.com/path",
            "dbc.databricks.com?o=1",
            "dbc.databricks.com#x",
            "dbc.databricks.com:0",
            "dbc.databricks.com:70000",
            "dbc.databricks.com:+443",
            "dbc databricks.com",
            "dbc.databricks.com\r\nx: y",
            "dbc..databricks.com",
            "-dbc.databricks.com",
            "düc.databricks.com",
            "localhost",
            "a.LOCALHOST.",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0x7f000001",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "[::ffff:0:7f00:1]",
            "[::7f00:1]",
            "[64:ff9b:1::7f00:1]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "[2001:0:7f00:1::]",
            "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
            "[2001:db8::5efe:a9fe:a9fe]",
            "metadata",
            "METADATA.google.internal.",
            "x.metadata.google.internal",
            "metadata.goog",
            "instance-data.ec2.internal",
            "[::1",
            "[::1]x",
        ] {
            assert!(Host::parse(text, HostPolicy::Public).is_err(), "{text}");
        }
    }

    /// Whether a host of this text may be called.
    fn is_host(text: &str) -> bool {
        Host::parse(text, HostPolicy::Public).is_ok()
    }

    #[test]
    fn names_and_ports_are_held_to_their_bounds_and_what_is_at_one_is_a_host() {
        let label = |length| "a".repeat(length);
        let name = |last| [label(63), label(63), label(63), label(last)].join(".");
        assert_eq!((name(61).len(), is_host(&name(61)), is_host(&name(62))), (253, true, false));
        assert!(is_host(&label(63)) && !is_host(&label(64)));
        for good in ["a-b.example.com", "a_b.example.com", "1.example.com", "a.example.com:1", "a.b:65535"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "a-.example.com",
            "a.-b.com",
            "a.b-.com",
            ".example.com",
            "a..",
            "a.b:65536",
            "a.b:",
            "a.b:000443",
            "a.b:4 3",
            "a.b:443:443",
            "a.b:+1",
            "[::2]443",
            "a.0x1f",
            "a.12",
            "12",
            "0x",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        assert_eq!(Host::parse("a.b:00443", HostPolicy::Public).unwrap().port(), 443);
    }

    #[test]
    fn a_port_is_that_of_the_scheme_unless_it_is_said() {
        let parse = |text: &str| Host::parse(text, HostPolicy::AllowLoopback).unwrap();
        for (text, port, origin, shown) in [
            ("https://a.b", 443, "https://a.b", "a.b"),
            ("http://a.b", 80, "http://a.b", "a.b"),
            ("http://a.b:443", 443, "http://a.b:443", "a.b:443"),
            ("https://a.b:80", 80, "https://a.b:80", "a.b:80"),
            ("HTTP://a.b:80/", 80, "http://a.b", "a.b"),
        ] {
            let host = parse(text);
            assert_eq!(
                (host.port(), host.origin().as_str(), host.to_string().as_str()),
                (port, origin, shown)
            );
            assert_eq!(host.is_secure(), origin.starts_with("https"));
            assert_eq!(host.policy(), HostPolicy::AllowLoopback);
        }
        assert_eq!(Host::parse("a.b", HostPolicy::Public).unwrap().policy(), HostPolicy::Public);
    }

    #[test]
    fn an_address_is_one_however_it_is_spelled() {
        let name = |text: &str| Host::parse(text, HostPolicy::Public).unwrap().name().to_owned();
        assert_eq!(name("[2606:4700:0:0:0:0:0:1111]"), "[2606:4700::1111]");
        assert_eq!(name("[2606:4700::ABCD]:8443"), "[2606:4700::abcd]");
        assert_eq!(name("10.1.2.3."), "10.1.2.3");
    }

    #[test]
    fn names_of_this_machine_and_of_metadata_services_are_refused_alone_and_behind_a_dot() {
        for name in [
            "localhost",
            "instance-data",
            "instance-data.ec2.internal",
            "metadata",
            "metadata.azure.internal",
            "metadata.goog",
            "metadata.google.internal",
            "metadata.oraclecloud.com",
            "metadata.tencentyun.com",
        ] {
            assert!(!is_host(name) && !is_host(&format!("a.{name}")), "{name}");
            assert!(is_host(&format!("a{name}")), "another name that ends so: {name}");
            // Tests may call their own machine, and no metadata service.
            assert_eq!(Host::parse(name, HostPolicy::AllowLoopback).is_ok(), name == "localhost", "{name}");
        }
    }

    #[test]
    fn of_addresses_those_of_this_machine_its_link_and_no_single_peer_are_refused_and_their_neighbours_not() {
        for (refused, neighbour) in [
            ("127.0.0.0", "126.255.255.255"),
            ("127.255.255.255", "128.0.0.0"),
            ("0.0.0.0", "1.0.0.0"),
            ("0.255.255.255", "1.0.0.1"),
            ("169.254.0.0", "169.253.255.255"),
            ("169.254.255.255", "169.255.0.0"),
            ("224.0.0.0", "223.255.255.255"),
            ("239.255.255.255", "223.0.0.0"),
            ("240.0.0.0", "192.168.255.255"),
            ("255.255.255.255", "172.16.0.1"),
            ("168.63.129.16", "168.63.129.17"),
            ("100.100.100.200", "100.100.100.201"),
            ("192.0.0.192", "192.0.0.193"),
            ("::1", "2606:4700::1"),
            ("::", "2606:4700::"),
            ("ff02::1", "fc00::1"),
            ("fe80::1", "fd00::1"),
            ("febf::1", "fdff::1"),
            ("fd00:ec2::254", "fd00:ec2::255"),
            ("fd20:ce::254", "fd20:ce::255"),
            ("::127.0.0.1", "::8.8.8.8"),
            ("::ffff:127.0.0.1", "::ffff:8.8.8.8"),
            ("::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8"),
            ("64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8"),
            ("64:ff9b:1::127.0.0.1", "64:ff9b:1:808:8:800:808:808"),
            ("64:ff9b:1:7f00:0:100:808:808", "64:ff9b:1:a00:0:100:808:808"),
            ("2002:7f00:1::", "2002:808:808::"),
            ("2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::f7f7:f7f7"),
            ("2001:0:808:808::80ff:fffe", "2001:0:808:808:7f00:1:f7f7:f7f7"),
            ("2001:db8::5efe:127.0.0.1", "2001:db8::5efe:8.8.8.8"),
            ("2001:db8::200:5efe:127.0.0.1", "2001:db8::200:5efe:8.8.8.8"),
        ] {
            let may = |text: &str| HostPolicy::Public.may_connect(text.parse().unwrap());
            assert!(!may(refused), "{refused}");
            assert!(may(neighbour), "{neighbour}");
            assert!(HostPolicy::AllowLoopback.may_connect(refused.parse().unwrap()));
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_text() {
        let error = Host::parse("https://user:canary@host", HostPolicy::Public).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn of_a_scheme_the_refusal_says_whether_it_shows_the_token_or_is_another() {
        for (text, reason) in
            [("http://a.com", "plain HTTP"), ("HTTP://a.com", "plain HTTP"), ("ftp://a.com", "scheme")]
        {
            let error = Host::parse(text, HostPolicy::Public).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn private_ranges_are_reachable_for_private_links() {
        let host = Host::parse("10.1.2.3", HostPolicy::Public).unwrap();
        assert!(host.may_connect(IpAddr::from([192, 168, 0, 1])));
        assert!(!host.may_connect(IpAddr::from([127, 0, 0, 1])));
        assert!(!host.may_connect(IpAddr::from([169, 254, 169, 254])));
    }

    #[test]
    fn loopback_and_plain_http_need_the_test_policy() {
        let host = Host::parse("http://127.0.0.1:8080", HostPolicy::AllowLoopback).unwrap();
        assert_eq!(host.origin(), "http://127.0.0.1:8080");
        assert!(!host.is_secure());
        assert!(host.may_connect(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(Host::parse("http://[::1]", HostPolicy::AllowLoopback).unwrap().origin(), "http://[::1]");
    }

    #[test]
    fn a_private_host_is_reached_in_the_clear_at_this_machine_and_private_addresses_alone() {
        let parse = |text: &str| Host::parse(text, HostPolicy::Private);
        for (text, origin) in [
            ("http://localhost:4318", "http://localhost:4318"),
            ("http://otel-collector:4318/", "http://otel-collector:4318"),
            ("https://127.0.0.1:4318", "https://127.0.0.1:4318"),
            ("http://[::1]", "http://[::1]"),
            ("http://10.1.2.3", "http://10.1.2.3"),
        ] {
            let host = parse(text).unwrap();
            assert_eq!((host.origin().as_str(), host.policy()), (origin, HostPolicy::Private), "{text}");
        }
        for (text, reason) in [
            ("http://8.8.8.8", "no address of this machine or a private network"),
            ("https://[2606:4700::1]", "no address of this machine or a private network"),
            ("http://169.254.169.254", "no address of this machine or a private network"),
            ("http://metadata.google.internal", "metadata service"),
            ("ftp://10.1.2.3", "scheme"),
        ] {
            let refused = parse(text).unwrap_err().to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
        let host = parse("http://otel-collector").unwrap();
        for (private, neighbour) in [
            ("127.0.0.0", "126.255.255.255"),
            ("127.255.255.255", "128.0.0.0"),
            ("10.0.0.0", "9.255.255.255"),
            ("10.255.255.255", "11.0.0.0"),
            ("172.16.0.0", "172.15.255.255"),
            ("172.31.255.255", "172.32.0.0"),
            ("192.168.0.0", "192.167.255.255"),
            ("100.64.0.0", "100.63.255.255"),
            ("100.127.255.255", "100.128.0.0"),
            ("100.100.100.201", "100.100.100.200"),
            ("::1", "::2"),
            ("fc00::", "fbff::"),
            ("fd00:ec2::255", "fd00:ec2::254"),
            ("fdff::1", "fe80::1"),
            ("::ffff:10.0.0.1", "::ffff:8.8.8.8"),
            ("::ffff:127.0.0.1", "64:ff9b::127.0.0.1"),
            ("192.168.1.1", "0.0.0.0"),
            ("192.168.1.2", "224.0.0.1"),
        ] {
            assert!(host.may_connect(private.parse().unwrap()), "{private}");
            assert!(!host.may_connect(neighbour.parse().unwrap()), "{neighbour}");
        }
    }

    fn policy() -> impl Strategy<Value = HostPolicy> {
        let all = &[HostPolicy::Public, HostPolicy::AllowLoopback, HostPolicy::Private];
        proptest::sample::select(all)
    }

    proptest! {
        #[test]
        fn no_form_of_a_refused_address_is_reachable(
            inner in proptest::sample::select(&[[127u8, 0, 0, 1], [127, 9, 8, 7], [169, 254, 169, 254], [168, 63, 129, 16], [0, 0, 0, 0]]),
            form in 0usize..8,
            other: u16,
        ) {
            let [a, b, c, d] = inner.map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            let address = match form {
                0 => Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                1 => Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                2 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                3 => Ipv6Addr::new(0x64, 0xff9b, 1, other, 0, 0, high, low),
                4 => Ipv6Addr::new(0x64, 0xff9b, 1, high, low >> 8, low << 8, 0x0808, 0x0808),
                5 => Ipv6Addr::new(0x2002, high, low, other, 0, 0, 0, 1),
                6 => Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, other, !high, !low),
                _ => Ipv6Addr::new(0x2001, 0xdb8, other, 0, 0, 0x5efe, high, low),
            };
            prop_assert!(!is_public(IpAddr::V6(address)), "{}", address);
        }

        #[test]
        fn parsing_never_panics_and_what_it_gives_parses_to_itself(text in "\\PC*", policy in policy()) {
            if let Ok(host) = Host::parse(&text, policy) {
                prop_assert_eq!(&Host::parse(&host.origin(), policy).unwrap(), &host);
            }
        }

        #[test]
        fn a_text_that_spells_a_host_parses_to_it(
            host in "(https?://)?([a-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9-]{0,9}){0,2}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-f:]{2,20}\\])(:(80|443))?",
            policies in [policy(), policy()],
        ) {
            if let Ok(host) = Host::parse(&host, policies[0]) {
                for text in [host.name().to_owned(), host.to_string(), host.origin()] {
                    if host.is_spelled(&text, policies[1]) {
                        prop_assert_eq!(&Host::parse(&text, policies[1]), &Ok(host.clone()));
                    }
                }
                let as_it_is = host.is_secure() && host.port() == 443;
                prop_assert_eq!(host.is_spelled(host.name(), host.policy()), as_it_is);
            }
        }

        #[test]
        fn hosts_in_any_spelling_parse_to_themselves(
            name in "[a-zA-Z0-9.-]{1,40}", port in proptest::option::of(1u16..), slash: bool,
        ) {
            let mut text = name;
            if let Some(port) = port { text.push_str(&format!(":{port}")); }
            if slash { text.push('/'); }
            if let Ok(host) = Host::parse(&text, HostPolicy::Public) {
                prop_assert!(host.is_secure());
                prop_assert_eq!(&Host::parse(&host.to_string(), HostPolicy::Public).unwrap(), &host);
            }
        }
    }
}
