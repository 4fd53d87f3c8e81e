//! The tables of names. Their order is the order in which Apache ZooKeeper 3.9.5 happens to print
//! its hash tables, so that two `mntr` answers line up in a diff.
//!
//! Times are milliseconds, sizes are bytes, all else are counts.

macro_rules! metrics {
    ($(#[$meta:meta])* $enum:ident { $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum {
            $($(#[doc = $doc])+ $variant,)*
        }

        impl $enum {
            /// Every one, in the order of the table.
            pub const ALL: &'static [$enum] = &[$($enum::$variant,)*];

            /// The name that dashboards know, without the prefix `zk_`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($enum::$variant => $name,)*
                }
            }

            pub(super) const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

metrics! {
    /// What only grows, until `srst`.
    Counter {
        /// Bytes of watch events sent.
        WatchBytes = "watch_bytes",
        /// Requests dropped because their connection had gone or their time was over.
        StaleRequestsDropped = "stale_requests_dropped",
        /// Requests refused with ZooKeeper's throttling error.
        ThrottledOps = "throttled_ops",
        /// Admin requests that came without TLS.
        InsecureAdminCount = "insecure_admin_count",
        /// Connections refused at the handshake or by a limit.
        ConnectionRejected = "connection_rejected",
        /// Connections closed because no session was set up in time.
        SessionlessConnectionsExpired = "sessionless_connections_expired",
        /// Dead watchers handed to the cleaner.
        DeadWatchersQueued = "dead_watchers_queued",
        /// Requests whose connection had gone or whose time was over.
        StaleRequests = "stale_requests",
        /// Connections that ended, for whatever reason.
        ConnectionDropCount = "connection_drop_count",
        /// Reads answered from a kept response.
        ResponsePacketCacheHits = "response_packet_cache_hits",
        /// Bytes read from clients.
        BytesReceivedCount = "bytes_received_count",
        /// Time spent waiting for room at the cleaner of dead watchers.
        AddDeadWatcherStallTime = "add_dead_watcher_stall_time",
        /// Times that a request waited for the throttle.
        RequestThrottleWaitCount = "request_throttle_wait_count",
        /// Requests that skipped the commit stage.
        RequestsNotForwardedToCommitProcessor = "requests_not_forwarded_to_commit_processor",
        /// Reads for which no response was kept.
        ResponsePacketCacheMisses = "response_packet_cache_misses",
        /// Requests handed to the prepare stage.
        PrepProcessorRequestQueued = "prep_processor_request_queued",
        /// Replies whose connection had gone.
        StaleReplies = "stale_replies",
        /// Bytes of replies sent.
        ResponseBytes = "response_bytes",
        /// Ensemble names that did not match.
        EnsembleAuthFail = "ensemble_auth_fail",
        /// Learners brought up to date by a diff.
        DiffCount = "diff_count",
        /// Sessions that moved here from another server.
        ConnectionRevalidateCount = "connection_revalidate_count",
        /// Times that leadership was given up because too few voters followed.
        QuitLeadingDueToDisloyalVoter = "quit_leading_due_to_disloyal_voter",
        /// Faults that stopped the server.
        UnrecoverableErrorCount = "unrecoverable_error_count",
        /// TLS handshakes that failed.
        UnsuccessfulHandshake = "unsuccessful_handshake",
        /// Transactions committed as leader.
        CommitCount = "commit_count",
        /// Pending changes added by the prepare stage.
        OutstandingChangesQueued = "outstanding_changes_queued",
        /// Requests handed to the commit stage.
        RequestCommitQueued = "request_commit_queued",
        /// Connections that named no ensemble.
        EnsembleAuthSkip = "ensemble_auth_skip",
        /// Requests of learners that were passed on.
        SkipLearnerRequestToNextProcessorCount = "skip_learner_request_to_next_processor_count",
        /// Transactions proposed as leader.
        ProposalCount = "proposal_count",
        /// Requests refused because too many bytes were in flight.
        LargeRequestsRejected = "large_requests_rejected",
        /// Pending changes that were applied.
        OutstandingChangesRemoved = "outstanding_changes_removed",
        /// Restores that failed.
        RestoreErrorCount = "restore_error_count",
        /// Connections closed because the server was not serving.
        CnxnClosedWithoutZkServerRunning = "cnxn_closed_without_zk_server_running",
        /// Elections entered.
        LookingCount = "looking_count",
        /// Snapshot commands refused by their rate limit.
        SnapshotRateLimitedCount = "snapshot_rate_limited_count",
        /// Proposals received as learner.
        LearnerProposalReceivedCount = "learner_proposal_received_count",
        /// Transactions whose digest did not fit the tree.
        DigestMismatchesCount = "digest_mismatches_count",
        /// Dead watchers cleaned away.
        DeadWatchersCleared = "dead_watchers_cleared",
        /// Ensemble names that matched.
        EnsembleAuthSuccess = "ensemble_auth_success",
        /// Commits received as learner.
        LearnerCommitReceivedCount = "learner_commit_received_count",
        /// Snapshots that failed.
        SnapshotErrorCount = "snapshot_error_count",
        /// Handshakes begun by clients.
        ConnectionRequestCount = "connection_request_count",
        /// Lists of children for which no response was kept.
        ResponsePacketGetChildrenCacheMisses = "response_packet_get_children_cache_misses",
        /// Learners brought up to date by a snapshot.
        SnapCount = "snap_count",
        /// Sessions that expired.
        StaleSessionsExpired = "stale_sessions_expired",
        /// Restore commands refused by their rate limit.
        RestoreRateLimitedCount = "restore_rate_limited_count",
        /// Lists of children answered from a kept response.
        ResponsePacketGetChildrenCacheHits = "response_packet_get_children_cache_hits",
        /// Requests handed to the log.
        SyncProcessorRequestQueued = "sync_processor_request_queued",
        /// TLS handshakes refused because too many were under way.
        TlsHandshakeExceeded = "tls_handshake_exceeded",
        /// Sessions revalidated by the leader.
        RevalidateCount = "revalidate_count",
    }
}

metrics! {
    /// What is sampled: average, least, greatest, count and sum. From
    /// [`Summary::PrepProcessorQueueTimeMs`] on percentiles too (ZooKeeper's level ADVANCED).
    Summary {
        /// Closing one socket.
        SocketClosingTime = "socket_closing_time",
        /// Handing one request from the proposal stage to the next.
        ProposalProcessTime = "proposal_process_time",
        /// From losing the leader until a new one serves.
        LeaderUnavailableTime = "leader_unavailable_time",
        /// Watches fired by one creation.
        NodeCreatedWatchCount = "node_created_watch_count",
        /// Session queues emptied at once by the commit stage.
        SessionQueuesDrained = "session_queues_drained",
        /// Writes waiting at the commit stage.
        WriteCommitProcReqQueued = "write_commit_proc_req_queued",
        /// Missing tokens of the connection throttle.
        ConnectionTokenDeficit = "connection_token_deficit",
        /// Reads waiting at the commit stage.
        ReadCommitProcReqQueued = "read_commit_proc_req_queued",
        /// Watches fired by one deletion.
        NodeDeletedWatchCount = "node_deleted_watch_count",
        /// Replaying the log at the start.
        StartupTxnsLoadTime = "startup_txns_load_time",
        /// Requests waiting for the log.
        SyncProcessorQueueSize = "sync_processor_queue_size",
        /// Synchronising as follower.
        FollowerSyncTime = "follower_sync_time",
        /// Requests waiting to be prepared.
        PrepProcessorQueueSize = "prep_processor_queue_size",
        /// One fsync of the log.
        FsyncTime = "fsynctime",
        /// Snapshots on their way to learners.
        InflightSnapCount = "inflight_snap_count",
        /// Reads released from a session's queue at once.
        ReadsIssuedFromSessionQueue = "reads_issued_from_session_queue",
        /// Restoring the database from a snapshot.
        RestoreTime = "restore_time",
        /// Learners' requests waiting.
        LearnerRequestProcessorQueueSize = "learner_request_processor_queue_size",
        /// Writing one snapshot.
        SnapshotTime = "snapshottime",
        /// From losing the quorum until serving again.
        UnavailableTime = "unavailable_time",
        /// Transactions replayed at the start.
        StartupTxnsLoaded = "startup_txns_loaded",
        /// Reads that waited behind one write of their session.
        ReadsAfterWriteInSessionQueue = "reads_after_write_in_session_queue",
        /// Requests in a session's queue.
        RequestsInSessionQueue = "requests_in_session_queue",
        /// Writes released by the commit stage.
        WriteCommitProcIssued = "write_commit_proc_issued",
        /// Preparing one request.
        PrepProcessTime = "prep_process_time",
        /// Sessions with requests in their queue.
        PendingSessionQueueSize = "pending_session_queue_size",
        /// Waiting for reads to end before a write.
        TimeWaitingEmptyPoolInCommitProcessorReadMs =
            "time_waiting_empty_pool_in_commit_processor_read_ms",
        /// One round of the commit stage.
        CommitProcessTime = "commit_process_time",
        /// Loading the database at the start.
        DbInitTime = "dbinittime",
        /// Diffs on their way to learners.
        InflightDiffCount = "inflight_diff_count",
        /// Bytes queued for a client.
        NettyQueuedBufferCapacity = "netty_queued_buffer_capacity",
        /// One election.
        ElectionTime = "election_time",
        /// Commits waiting at the commit stage.
        CommitCommitProcReqQueued = "commit_commit_proc_req_queued",
        /// Transactions written with one fsync.
        SyncProcessorBatchSize = "sync_processor_batch_size",
        /// Child watches fired by one change.
        NodeChildrenWatchCount = "node_children_watch_count",
        /// Applying one run of writes.
        WriteBatchTimeInCommitProcessor = "write_batch_time_in_commit_processor",
        /// Reads released by the commit stage.
        ReadCommitProcIssued = "read_commit_proc_issued",
        /// Requests worked on at the same time.
        ConcurrentRequestProcessingInCommitProcessor =
            "concurrent_request_processing_in_commit_processor",
        /// Synchronising as observer.
        ObserverSyncTime = "observer_sync_time",
        /// Watches fired by one change of data.
        NodeChangedWatchCount = "node_changed_watch_count",
        /// Writing one request to the log.
        SyncProcessTime = "sync_process_time",
        /// Loading the snapshot at the start.
        StartupSnapLoadTime = "startup_snap_load_time",
        /// From receiving a request to queueing it for the prepare stage's turn.
        PrepProcessorQueueTimeMs = "prep_processor_queue_time_ms",
        /// Pauses of the whole process.
        JvmPauseTimeMs = "jvm_pause_time_ms",
        /// Preparing the close of one session.
        CloseSessionPrepTime = "close_session_prep_time",
        /// A read's time at the commit stage.
        ReadCommitProcTimeMs = "read_commitproc_time_ms",
        /// From receiving a write to answering it.
        UpdateLatency = "updatelatency",
        /// From receiving a write of an own client to its commit.
        LocalWriteCommittedTimeMs = "local_write_committed_time_ms",
        /// Waiting for the request throttle.
        RequestThrottleQueueTimeMs = "request_throttle_queue_time_ms",
        /// From receiving a read to answering it.
        ReadLatency = "readlatency",
        /// From a proposal to its quorum.
        QuorumAckLatency = "quorum_ack_latency",
        /// Forwarding one commit to observers.
        OmCommitProcessTimeMs = "om_commit_process_time_ms",
        /// Answering one read.
        ReadFinalProcTimeMs = "read_final_proc_time_ms",
        /// From the leader's commit to its arrival here.
        CommitPropagationLatency = "commit_propagation_latency",
        /// One round of the cleaner of dead watchers.
        DeadWatchersCleanerLatency = "dead_watchers_cleaner_latency",
        /// Applying and answering one write.
        WriteFinalProcTimeMs = "write_final_proc_time_ms",
        /// From receiving a request to acknowledging its proposal.
        ProposalAckCreationLatency = "proposal_ack_creation_latency",
        /// From receiving a request to proposing it.
        ProposalLatency = "proposal_latency",
        /// Forwarding one proposal to observers.
        OmProposalProcessTimeMs = "om_proposal_process_time_ms",
        /// Waiting for the log and its fsync.
        SyncProcessorQueueAndFlushTimeMs = "sync_processor_queue_and_flush_time_ms",
        /// From stamping a transaction to applying it here.
        PropagationLatency = "propagation_latency",
        /// From receiving any write to its commit.
        ServerWriteCommittedTimeMs = "server_write_committed_time_ms",
        /// Waiting for the log.
        SyncProcessorQueueTimeMs = "sync_processor_queue_time_ms",
        /// Waiting for the log's fsync.
        SyncProcessorQueueFlushTimeMs = "sync_processor_queue_flush_time_ms",
        /// A write's time at the commit stage.
        WriteCommitProcTimeMs = "write_commitproc_time_ms",
    }
}

impl Summary {
    const FIRST_WITH_PERCENTILES: usize = Summary::PrepProcessorQueueTimeMs as usize;
    pub(super) const WITH_PERCENTILES: usize = Summary::ALL.len() - Self::FIRST_WITH_PERCENTILES;

    /// The place among the summaries with percentiles, if it is one.
    pub(super) const fn percentile_index(self) -> Option<usize> {
        self.index().checked_sub(Self::FIRST_WITH_PERCENTILES)
    }

    /// Whether percentiles are kept (ZooKeeper's level ADVANCED).
    #[must_use]
    pub const fn has_percentiles(self) -> bool {
        self.percentile_index().is_some()
    }
}

metrics! {
    /// What is sampled per key. The key is the first component of a path, or a server id.
    SummarySet {
        /// Bytes read (path, data and stat).
        ReadPerNamespace = "read_per_namespace",
        /// Bytes written (path and data).
        WritePerNamespace = "write_per_namespace",
        /// Packets waiting for one learner.
        LearnerHandlerQpSize = "learner_handler_qp_size",
        /// Time of a packet in the queue of one learner.
        LearnerHandlerQpTimeMs = "learner_handler_qp_time_ms",
        /// From a proposal to the acknowledgement by one server.
        AckLatency = "ack_latency",
    }
}

impl SummarySet {
    /// Whether percentiles are kept (ZooKeeper's level ADVANCED).
    #[must_use]
    pub const fn has_percentiles(self) -> bool {
        matches!(self, Self::LearnerHandlerQpTimeMs | Self::AckLatency)
    }
}

metrics! {
    /// What grows per key, until `srst`.
    CounterSet {
        /// Writes refused by a hard quota.
        QuotaExceededErrorPerNamespace = "quota_exceeded_error_per_namespace",
    }
}

/// The first component of a path, the key of the sets per namespace; none for the root.
#[must_use]
pub fn namespace(path: &str) -> Option<&str> {
    let namespace = path.strip_prefix('/')?.split('/').next()?;
    (!namespace.is_empty()).then_some(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_the_first_component() {
        assert_eq!(namespace("/a/b/c"), Some("a"));
        assert_eq!(namespace("/a"), Some("a"));
        assert_eq!(namespace("/"), None);
        assert_eq!(namespace(""), None);
    }

    #[test]
    fn percentiles_belong_to_the_last_third_of_the_table() {
        let with: Vec<_> = Summary::ALL.iter().filter(|s| s.has_percentiles()).collect();
        assert_eq!(with.len(), Summary::WITH_PERCENTILES);
        assert!(Summary::ReadLatency.has_percentiles() && !Summary::FsyncTime.has_percentiles());
    }
}
