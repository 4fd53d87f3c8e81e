//! How a client's credentials become identities: the schemes that every server offers.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest;
use wire::Id;

/// The hash of the digest scheme (`zookeeper.DigestAuthenticationProvider.digestAlg`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DigestAlgorithm {
    #[default]
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

impl DigestAlgorithm {
    /// The algorithm that Java knows by `name`, in any case; `None` for those we do not offer.
    #[must_use]
    pub fn from_name(name: &str) -> Option<DigestAlgorithm> {
        Some(match name.to_ascii_uppercase().as_str() {
            "SHA" | "SHA1" | "SHA-1" => DigestAlgorithm::Sha1,
            "SHA-224" | "SHA224" => DigestAlgorithm::Sha224,
            "SHA-256" | "SHA256" => DigestAlgorithm::Sha256,
            "SHA-384" | "SHA384" => DigestAlgorithm::Sha384,
            "SHA-512" | "SHA512" => DigestAlgorithm::Sha512,
            "SHA3-224" => DigestAlgorithm::Sha3_224,
            "SHA3-256" => DigestAlgorithm::Sha3_256,
            "SHA3-384" => DigestAlgorithm::Sha3_384,
            "SHA3-512" => DigestAlgorithm::Sha3_512,
            _ => return None,
        })
    }

    fn base64(self, bytes: &[u8]) -> String {
        match self {
            DigestAlgorithm::Sha1 => STANDARD.encode(sha1::Sha1::digest(bytes)),
            DigestAlgorithm::Sha224 => STANDARD.encode(sha2::Sha224::digest(bytes)),
            DigestAlgorithm::Sha256 => STANDARD.encode(sha2::Sha256::digest(bytes)),
            DigestAlgorithm::Sha384 => STANDARD.encode(sha2::Sha384::digest(bytes)),
            DigestAlgorithm::Sha512 => STANDARD.encode(sha2::Sha512::digest(bytes)),
            DigestAlgorithm::Sha3_224 => STANDARD.encode(sha3::Sha3_224::digest(bytes)),
            DigestAlgorithm::Sha3_256 => STANDARD.encode(sha3::Sha3_256::digest(bytes)),
            DigestAlgorithm::Sha3_384 => STANDARD.encode(sha3::Sha3_384::digest(bytes)),
            DigestAlgorithm::Sha3_512 => STANDARD.encode(sha3::Sha3_512::digest(bytes)),
        }
    }
}

/// The digest scheme: a user name and a password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestScheme {
    /// How passwords are hashed.
    pub algorithm: DigestAlgorithm,
    /// The identity whose owner may do anything (`…superDigest`).
    pub super_digest: Option<String>,
}

impl DigestScheme {
    /// The identity of `user:password`: `user:BASE64(H(user:password))`.
    #[must_use]
    pub fn identity(&self, credentials: &str) -> String {
        let user = credentials.split(':').next().unwrap_or_default();
        format!("{user}:{}", self.algorithm.base64(credentials.as_bytes()))
    }
}

/// The credentials were refused; the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("credentials refused, or a scheme that this server does not offer")]
pub struct AuthError;

/// The schemes that this server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authenticator {
    /// The digest scheme, unless it is switched off.
    pub digest: Option<DigestScheme>,
}

impl Authenticator {
    /// Adds the identities that the credentials prove to `identities`, each once. `peer` is the
    /// client's address.
    ///
    /// # Errors
    /// [`AuthError`] when they prove nothing.
    pub fn authenticate(
        &self,
        scheme: &str,
        credentials: Option<&[u8]>,
        peer: IpAddr,
        identities: &mut Vec<Id<'static>>,
    ) -> Result<(), AuthError> {
        match (scheme, &self.digest) {
            ("ip", _) => add(identities, Id::new("ip", peer.to_string())),
            ("digest", Some(digest)) => {
                let credentials = credentials.ok_or(AuthError)?;
                let id = digest.identity(&String::from_utf8_lossy(credentials));
                if digest.super_digest.as_deref().is_some_and(|known| equal(known, &id)) {
                    add(identities, Id::new("super", ""));
                }
                add(identities, Id::new("digest", id));
            }
            _ => return Err(AuthError),
        }
        Ok(())
    }

    /// Whether the scheme is one that looks at names.
    pub(crate) fn offers(&self, scheme: &str) -> bool {
        scheme == "ip" || (scheme == "digest" && self.digest.is_some())
    }

    /// Whether `id` may stand in an ACL under `scheme`.
    pub(crate) fn accepts(&self, scheme: &str, id: &str) -> bool {
        match scheme {
            "ip" => IpRange::parse(id).is_some(),
            "digest" => self.digest.is_some() && java_parts(id) == 2,
            _ => false,
        }
    }

    /// Whether an identity of `scheme` takes the place of an `auth` entry.
    pub(crate) fn is_authenticated(&self, scheme: &str) -> bool {
        scheme == "digest" && self.digest.is_some()
    }

    /// Whether the identity named `id` is meant by the ACL's `pattern`, both of `scheme`.
    pub(crate) fn matches(&self, scheme: &str, id: &str, pattern: &str) -> bool {
        match scheme {
            "ip" => IpRange::parse(pattern).is_some_and(|range| range.contains(id)),
            "digest" => self.digest.is_some() && equal(id, pattern),
            _ => false,
        }
    }

    /// What of an identity may be shown: a user's name without the password's hash.
    #[must_use]
    pub fn user_name(&self, id: &Id<'_>) -> String {
        match id.scheme() {
            "digest" => id.name().split(':').next().unwrap_or_default().to_owned(),
            "ip" => id.name().to_owned(),
            _ => String::new(),
        }
    }
}

fn add(identities: &mut Vec<Id<'static>>, id: Id<'static>) {
    if !identities.contains(&id) {
        identities.push(id);
    }
}

/// Compares without telling by its time where the difference is.
fn equal(a: &str, b: &str) -> bool {
    let differ = |acc: u8, (x, y): (u8, u8)| acc | (x ^ y);
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, differ) == 0
}

/// Number of parts that Java's `split(":")` makes: empty ones at the end do not count.
fn java_parts(id: &str) -> usize {
    id.trim_end_matches(':').split(':').count()
}

/// `address` or `address/bits`.
struct IpRange {
    address: Vec<u8>,
    bits: usize,
}

impl IpRange {
    fn parse(text: &str) -> Option<IpRange> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = octets(address)?;
        let bits_max = address.len() * 8;
        let bits = bits.map_or(Some(bits_max), |bits| bits.parse().ok())?;
        (bits <= bits_max).then_some(IpRange { address, bits })
    }

    fn contains(&self, address: &str) -> bool {
        let Some(address) = octets(address) else {
            return false;
        };
        let same_bits = |(index, (a, b)): (usize, (&u8, &u8))| {
            let bits = self.bits.saturating_sub(index * 8).min(8);
            let mask = !u8::MAX.checked_shr(u32::try_from(bits).unwrap_or(8)).unwrap_or(0);
            a & mask == b & mask
        };
        address.len() == self.address.len()
            && self.address.iter().zip(&address).enumerate().all(same_bits)
    }
}

fn octets(text: &str) -> Option<Vec<u8>> {
    // Java reads each part as a number, so leading zeros are fine.
    let v4: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
    match v4 {
        Some(octets) if octets.len() == 4 => Some(octets),
        // Java takes neither a scope nor IPv4 within IPv6: nobody who connects would have either.
        Some(_) | None if text.contains(['%', '.']) => None,
        Some(_) | None => {
            let v6: core::net::Ipv6Addr = text.parse().ok()?;
            Some(v6.octets().to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Authenticator {
        Authenticator { digest: Some(DigestScheme::default()) }
    }

    #[test]
    fn digest_identities_are_those_of_java() {
        let digest = DigestScheme::default();
        assert_eq!(digest.identity("super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    }

    #[test]
    fn the_super_user_is_told_by_its_digest() {
        let digest = DigestScheme {
            super_digest: Some("super:D/InIHSb7yEEbrWz8b9l71RjZJU=".into()),
            ..DigestScheme::default()
        };
        let server = Authenticator { digest: Some(digest) };
        let peer = IpAddr::from([127, 0, 0, 1]);
        let mut ids = Vec::new();
        assert_eq!(server.authenticate("digest", Some(b"super:test"), peer, &mut ids), Ok(()));
        assert_eq!(ids[0], Id::new("super", ""));
        assert_eq!(server.authenticate("digest", Some(b"super:test"), peer, &mut ids), Ok(()));
        assert_eq!(ids.len(), 2);
        assert_eq!(server.authenticate("nonsense", None, peer, &mut ids), Err(AuthError));
    }

    #[test]
    fn ids_are_accepted_as_in_java() {
        let server = offered();
        for (scheme, id, accepted) in [
            ("digest", "a:b", true),
            ("digest", ":b", true),
            ("digest", "a:", false),
            ("digest", "a:b:", true),
            ("digest", "a:b:c", false),
            ("ip", "10.0.0.1", true),
            ("ip", "10.0.0.0/8", true),
            ("ip", "10.0.0.0/33", false),
            ("ip", "::1/128", true),
            ("ip", "x", false),
            ("ip", "::ffff:127.0.0.1", false),
            ("ip", "::127.0.0.1", false),
            ("ip", "fe80::1%lo", false),
            ("ip", "::1%", false),
            ("ip", "fe80::1/64", true),
            ("world", "someone", false),
            ("sasl", "x", false),
        ] {
            assert_eq!(server.accepts(scheme, id), accepted, "{scheme}:{id}");
        }
    }

    #[test]
    fn an_ip_range_is_told_by_its_first_bits() {
        let server = offered();
        for (id, pattern, matches) in [
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.0/23", true),
            ("10.1.4.3", "10.1.2.0/23", false),
            ("10.1.4.3", "0.0.0.0/0", true),
            ("::1", "::1", true),
            ("::1", "127.0.0.1", false),
        ] {
            assert_eq!(server.matches("ip", id, pattern), matches, "{id} in {pattern}");
        }
    }
}
