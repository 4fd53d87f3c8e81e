use super::*;

/// The keys that `mntr` of a standalone Apache ZooKeeper 3.9.5 prints, sets without keys.
const JAVA_KEYS: &str = include_str!("fixtures/standalone-mntr-keys.txt");

fn entries(metrics: &Metrics, gauges: &GaugeValues) -> Vec<String> {
    let entries = metrics.snapshot().entries(gauges);
    entries.iter().map(|entry| format!("{}={}", entry.key, entry.value)).collect()
}

fn lines_with(metrics: &Metrics, part: &str) -> Vec<String> {
    let mut lines = entries(metrics, &GaugeValues::default());
    lines.retain(|line| line.contains(part));
    lines
}

#[test]
fn a_standalone_server_has_the_very_keys_of_java() {
    let entries = Metrics::new().snapshot().entries(&GaugeValues::default());
    let ours: Vec<_> = entries.iter().map(|entry| format!("zk_{}", entry.key)).collect();
    let java: Vec<_> = JAVA_KEYS.lines().skip(2).collect();
    assert_eq!(ours, java);
}

#[test]
fn averages_are_decimal_and_all_else_is_whole() {
    let entries = Metrics::new().snapshot().entries(&GaugeValues::default());
    for entry in entries {
        let decimal = entry.key.starts_with("avg_") || entry.key == "connection_drop_probability";
        let expect = if decimal { "0.0" } else { "0" };
        let expect = if entry.key.ends_with("client_response_size") { "-1" } else { expect };
        assert_eq!(entry.value.to_string(), expect, "{}", entry.key);
    }
}

#[test]
fn a_summary_shows_average_extremes_count_and_sum() {
    let metrics = Metrics::new();
    [3, 1, 9].into_iter().for_each(|value| metrics.sample(Summary::FsyncTime, value));
    assert_eq!(
        lines_with(&metrics, "fsynctime"),
        [
            "avg_fsynctime=4.3333",
            "min_fsynctime=1",
            "max_fsynctime=9",
            "cnt_fsynctime=3",
            "sum_fsynctime=13"
        ]
    );
}

#[test]
fn a_latency_shows_percentiles_too() {
    let metrics = Metrics::new();
    (1..=1000).for_each(|value| metrics.sample(Summary::ReadLatency, value / 50));
    metrics.sample(Summary::ReadLatency, 700);
    assert_eq!(
        lines_with(&metrics, "readlatency"),
        [
            "avg_readlatency=10.2098",
            "min_readlatency=0",
            "max_readlatency=700",
            "cnt_readlatency=1001",
            "sum_readlatency=10220",
            "p50_readlatency=10",
            "p95_readlatency=19",
            "p99_readlatency=19",
            "p999_readlatency=20"
        ]
    );
}

#[test]
fn a_percentile_is_never_outside_of_what_was_sampled() {
    let metrics = Metrics::new();
    metrics.sample(Summary::UpdateLatency, 1_000_003);
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.summary(Summary::UpdateLatency).percentiles, Some([1_000_003; 4]));
}

#[test]
fn sets_put_the_key_before_the_name() {
    let metrics = Metrics::new();
    metrics.sample_set(SummarySet::ReadPerNamespace, "app", 74);
    metrics.sample_set(SummarySet::ReadPerNamespace, "app", 76);
    metrics.sample_set(SummarySet::AckLatency, "2", 5);
    metrics.add_set(CounterSet::QuotaExceededErrorPerNamespace, "app", 2);
    assert_eq!(
        lines_with(&metrics, "app_"),
        [
            "app_quota_exceeded_error_per_namespace=2",
            "avg_app_read_per_namespace=75.0",
            "min_app_read_per_namespace=74",
            "max_app_read_per_namespace=76",
            "cnt_app_read_per_namespace=2",
            "sum_app_read_per_namespace=150"
        ]
    );
    assert_eq!(lines_with(&metrics, "2_ack_latency").len(), 9);
}

#[test]
fn gauges_are_shown_as_they_are_given() {
    let gauges = GaugeValues {
        uptime_ms: 77,
        tree: TreeGauges { znode_count: 5, ..TreeGauges::default() },
        quotas: vec![NamespaceQuota {
            namespace: "app".into(),
            count_limit: 100,
            bytes_limit: -1,
            count_usage: 2,
            bytes_usage: 50,
        }],
        ..GaugeValues::default()
    };
    let lines = entries(&Metrics::new(), &gauges);
    for line in [
        "uptime=77",
        "znode_count=5",
        "app_quota_bytes_limit_per_namespace=-1",
        "app_quota_count_usage_per_namespace=2",
        "app_quota_count_limit_per_namespace=100",
        "app_quota_bytes_usage_per_namespace=50",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line} is missing");
    }
}

#[test]
fn server_stats_are_shown_among_the_gauges() {
    let metrics = Metrics::new();
    let recorder = metrics.recorder();
    recorder.packet_received();
    recorder.packet_received();
    recorder.packet_sent();
    [4, 3].into_iter().for_each(|latency| recorder.request_answered(latency));
    [90, 16, 40].into_iter().for_each(|bytes| recorder.response_encoded(bytes));
    assert_eq!(lines_with(&metrics, "packets"), ["packets_sent=1", "packets_received=2"]);
    let mut latency = lines_with(&metrics, "_latency=");
    latency.retain(|line| !line.ends_with("=0") && !line.ends_with("=0.0"));
    assert_eq!(latency, ["avg_latency=3.5", "min_latency=3", "max_latency=4"]);
    assert_eq!(
        lines_with(&metrics, "client_response_size"),
        [
            "last_client_response_size=40",
            "max_client_response_size=90",
            "min_client_response_size=16"
        ]
    );
}

#[test]
fn a_reset_clears_all_but_the_keys_of_sets() {
    let metrics = Metrics::new();
    let idle = metrics.recorder();
    for recorder in [&idle, &metrics.recorder()] {
        recorder.add(Counter::ProposalCount, 3);
        recorder.sample(Summary::UpdateLatency, 8);
        recorder.sample_set(SummarySet::WritePerNamespace, "app", 4);
        recorder.packet_sent();
    }
    metrics.reset();
    let empty = entries(&Metrics::new(), &GaugeValues::default());
    let mut lines = entries(&metrics, &GaugeValues::default());
    lines.retain(|line| !line.contains("_app_"));
    assert_eq!(lines, empty);
    assert_eq!(lines_with(&metrics, "cnt_app_write"), ["cnt_app_write_per_namespace=0"]);

    idle.sample_set(SummarySet::WritePerNamespace, "app", 6);
    assert_eq!(lines_with(&metrics, "sum_app_write"), ["sum_app_write_per_namespace=6"]);
    assert_eq!(metrics.snapshot().counter(Counter::ProposalCount), 0);
}

#[test]
fn all_threads_are_summed_up_also_those_that_ended() {
    let metrics = Metrics::new();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let metrics = &metrics;
            scope.spawn(move || {
                (0..1000).for_each(|_| metrics.add(Counter::BytesReceivedCount, thread));
                metrics.sample(Summary::ReadLatency, thread);
                metrics.sample_set(SummarySet::ReadPerNamespace, "a", thread);
            });
        }
    });
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.counter(Counter::BytesReceivedCount), 10_000);
    let reads = snapshot.summary(Summary::ReadLatency);
    assert_eq!((reads.count, reads.sum, reads.min, reads.max), (4, 10, 1, 4));
    assert_eq!(snapshot.summary_set(SummarySet::ReadPerNamespace)["a"].count, 4);
}

#[test]
fn two_registries_in_one_thread_do_not_mix() {
    let (one, two) = (Metrics::new(), Metrics::new());
    for _ in 0..3 {
        one.add(Counter::SnapCount, 1);
        two.add(Counter::SnapCount, 10);
    }
    assert_eq!(one.snapshot().counter(Counter::SnapCount), 3);
    assert_eq!(two.snapshot().counter(Counter::SnapCount), 30);
}

#[test]
fn clients_cannot_fill_the_memory_with_names() {
    let metrics = Metrics::new();
    let recorder = metrics.recorder();
    for n in 0..SET_KEYS_MAX + 5 {
        recorder.sample_set(SummarySet::WritePerNamespace, &n.to_string(), 1);
    }
    let snapshot = metrics.snapshot();
    assert_eq!(snapshot.summary_set(SummarySet::WritePerNamespace).len(), SET_KEYS_MAX);
}

#[test]
fn the_process_has_open_files_and_a_limit() {
    let files = FileDescriptors::of_process();
    assert!(files.open >= 3 && files.open <= files.max, "{files:?}");
}
