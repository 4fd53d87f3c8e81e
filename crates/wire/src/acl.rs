use crate::jute::Text;

/// Permission bits of an ACL entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Perms;

impl Perms {
    /// Read data and list children.
    pub const READ: i32 = 1;
    /// Set data.
    pub const WRITE: i32 = 2;
    /// Create children.
    pub const CREATE: i32 = 4;
    /// Delete children.
    pub const DELETE: i32 = 8;
    /// Set the ACL.
    pub const ADMIN: i32 = 16;
    /// All of them.
    pub const ALL: i32 = 31;
}

records! {
    /// An identity: how it is proved, and its name under that scheme.
    pub struct Id<'a> {
        /// `world`, `auth`, `digest`, `ip`, …; null is never valid, but must be readable.
        pub scheme: Option<Text<'a>>,
        /// The name; null is never valid, but must be readable.
        pub id: Option<Text<'a>>,
    }

    /// One entry of an access control list.
    pub struct Acl<'a> {
        /// Permission bits ([`Perms`]); unknown bits are kept as they came.
        pub perms: i32,
        /// Who is permitted.
        pub id: Id<'a>,
    }
}

impl<'a> Id<'a> {
    /// An identity of the given scheme and name.
    #[must_use]
    pub fn new(scheme: impl Into<Text<'a>>, id: impl Into<Text<'a>>) -> Id<'a> {
        Id { scheme: Some(scheme.into()), id: Some(id.into()) }
    }

    /// The scheme, empty when null.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.scheme.as_deref().unwrap_or_default()
    }

    /// The name, empty when null.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// The same identity, owning its strings.
    #[must_use]
    pub fn into_owned(self) -> Id<'static> {
        let owned = |text: Option<Text<'a>>| text.map(|t| Text::Owned(t.into_owned()));
        Id { scheme: owned(self.scheme), id: owned(self.id) }
    }
}

impl<'a> Acl<'a> {
    /// `world:anyone` with the given permissions.
    #[must_use]
    pub fn world(perms: i32) -> Acl<'static> {
        Acl { perms, id: Id::new("world", "anyone") }
    }

    /// The same entry, owning its strings.
    #[must_use]
    pub fn into_owned(self) -> Acl<'static> {
        Acl { perms: self.perms, id: self.id.into_owned() }
    }
}
