use alloc::format;
use alloc::vec::Vec;

use wire::{Acl, ErrorCode, Id};

use crate::auth::Authenticator;

/// Whether the holder of `identities` has any bit of `wanted` by the list. An empty list is open
/// to all; the super user needs no entry.
#[must_use]
pub fn permits(
    schemes: &Authenticator,
    acl: &[Acl<'_>],
    wanted: i32,
    identities: &[Id<'_>],
) -> bool {
    let grants = |entry: &Acl<'_>| {
        let (scheme, name) = (entry.id.scheme(), entry.id.name());
        let held = |id: &Id<'_>| id.scheme() == scheme && schemes.matches(scheme, id.name(), name);
        entry.perms & wanted != 0
            && ((scheme == "world" && name == "anyone") || identities.iter().any(held))
    };
    acl.is_empty() || identities.iter().any(|id| id.scheme() == "super") || acl.iter().any(grants)
}

/// The list with which a node is created, from the one asked for: each entry once, `auth` replaced
/// by the identities of the asker (`PrepRequestProcessor.fixupACL`).
///
/// # Errors
/// [`ErrorCode::InvalidAcl`] when the list is empty or an entry names nobody.
pub(crate) fn effective_acl<'a>(
    schemes: &Authenticator,
    asked: Option<&[Acl<'a>]>,
    identities: &[Id<'static>],
) -> Result<Vec<Acl<'a>>, ErrorCode> {
    let asked = asked.unwrap_or_default();
    let mut effective: Vec<Acl<'a>> = Vec::with_capacity(asked.len());
    for (index, entry) in asked.iter().enumerate() {
        if asked[..index].contains(entry) {
            continue;
        }
        if entry.id.scheme() == "auth" {
            let own = identities.iter().filter(|id| schemes.is_authenticated(id.scheme()));
            let before = effective.len();
            effective.extend(own.map(|id| Acl { perms: entry.perms, id: id.clone() }));
            if effective.len() == before {
                return Err(ErrorCode::InvalidAcl);
            }
        } else {
            demand_known(schemes, &entry.id)?;
            effective.push(entry.clone());
        }
    }
    if effective.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(effective) }
}

/// Whether an entry may name this identity. Java trips over a missing name where a scheme looks at
/// it, and calls the request undecodable.
fn demand_known(schemes: &Authenticator, id: &Id<'_>) -> Result<(), ErrorCode> {
    let scheme = id.scheme();
    match id.id.as_deref() {
        None if scheme == "world" || schemes.offers(scheme) => Err(ErrorCode::MarshallingError),
        Some("anyone") if scheme == "world" => Ok(()),
        Some(name) if schemes.accepts(scheme, name) => Ok(()),
        Some(_) | None => Err(ErrorCode::InvalidAcl),
    }
}

/// The list as shown to those who may not administer it: without the hashes of passwords.
#[must_use]
pub fn mask_digests(acl: &[Acl<'static>]) -> Vec<Acl<'static>> {
    let masked = |entry: &Acl<'static>| {
        if entry.id.scheme() != "digest" {
            return entry.clone();
        }
        let user = entry.id.name().split(':').next().unwrap_or_default();
        Acl { perms: entry.perms, id: Id::new("digest", format!("{user}:x")) }
    };
    acl.iter().map(masked).collect()
}
