use base::Zxid;

records! {
    /// A node's metadata as clients see it (68 bytes).
    #[derive(Copy, Default)]
    pub struct Stat {
        /// Transaction that created the node.
        pub czxid: Zxid,
        /// Transaction that last changed its data.
        pub mzxid: Zxid,
        /// Creation time, wall-clock milliseconds.
        pub ctime: i64,
        /// Time of the last change of data, wall-clock milliseconds.
        pub mtime: i64,
        /// Number of changes of data.
        pub version: i32,
        /// Number of children created and deleted.
        pub cversion: i32,
        /// Number of changes of the ACL.
        pub aversion: i32,
        /// Owning session of an ephemeral node, else 0.
        pub ephemeral_owner: i64,
        /// Length of the data in bytes.
        pub data_length: i32,
        /// Number of children.
        pub num_children: i32,
        /// Transaction that last created or deleted a child.
        pub pzxid: Zxid,
    }

    /// A node's metadata as it is stored (60 bytes).
    #[derive(Copy, Default)]
    pub struct StatPersisted {
        /// Transaction that created the node.
        pub czxid: Zxid,
        /// Transaction that last changed its data.
        pub mzxid: Zxid,
        /// Creation time, wall-clock milliseconds.
        pub ctime: i64,
        /// Time of the last change of data, wall-clock milliseconds.
        pub mtime: i64,
        /// Number of changes of data.
        pub version: i32,
        /// Number of children ever created. Not what clients see as cversion.
        pub cversion: i32,
        /// Number of changes of the ACL.
        pub aversion: i32,
        /// Owning session, or the mark of a container or TTL node.
        pub ephemeral_owner: i64,
        /// Transaction that last created or deleted a child.
        pub pzxid: Zxid,
    }
}

impl StatPersisted {
    /// What a client is shown. `owner_shown` is the owning session, 0 for anything but an ephemeral.
    #[must_use]
    pub fn shown(&self, owner_shown: i64, data_length: i32, num_children: i32) -> Stat {
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            // Stored: creations. Shown: creations and deletions.
            cversion: self.cversion.wrapping_mul(2).wrapping_sub(num_children),
            aversion: self.aversion,
            ephemeral_owner: owner_shown,
            data_length,
            num_children,
            pzxid: self.pzxid,
        }
    }
}
