import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** What the programs share: a line for every behaviour that holds, an exception for the first that does not. */
final class Check {
    private static final long DEADLINE_S = 30;

    private Check() {}

    /** A request that is expected to fail. */
    interface Request {
        void run() throws KeeperException, InterruptedException;
    }

    static void that(String behaviour, boolean holds) {
        if (!holds) {
            throw new AssertionError(behaviour);
        }
        System.out.println("ok " + behaviour);
    }

    static void equal(String behaviour, Object expected, Object actual) {
        if (!expected.equals(actual)) {
            throw new AssertionError(behaviour + ": expected " + expected + ", got " + actual);
        }
        System.out.println("ok " + behaviour);
    }

    static void fails(String behaviour, KeeperException.Code code, Request request) throws InterruptedException {
        try {
            request.run();
        } catch (KeeperException e) {
            equal(behaviour, code, e.code());
            return;
        }
        throw new AssertionError(behaviour + ": succeeded");
    }

    /** Tells the test around this program to do something to the server. */
    static void ask(String request) {
        System.out.println("please " + request);
    }

    static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    static List<String> sorted(List<String> names) {
        String[] array = names.toArray(new String[0]);
        Arrays.sort(array);
        return Arrays.asList(array);
    }

    /** A watcher whose events are awaited one by one. */
    static final class Events implements Watcher {
        private final BlockingQueue<WatchedEvent> queue = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            queue.add(event);
        }

        WatchedEvent next() throws InterruptedException {
            WatchedEvent event = queue.poll(DEADLINE_S, TimeUnit.SECONDS);
            if (event == null) {
                throw new AssertionError("no event came");
            }
            return event;
        }

        /** The next event about a znode has to be this one. */
        void expect(EventType type, String path) throws InterruptedException {
            WatchedEvent event = next();
            while (event.getType() == EventType.None) {
                event = next();
            }
            equal("event " + type + " " + path, type + " " + path, event.getType() + " " + event.getPath());
        }

        void await(KeeperState state) throws InterruptedException {
            while (next().getState() != state) {
                // Other states come first.
            }
        }

        boolean isEmpty() {
            return queue.isEmpty();
        }
    }

    /** A connected client. */
    static ZooKeeper connect(String servers, int timeoutMs) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper client = new ZooKeeper(servers, timeoutMs, event -> {
            if (event.getState() == KeeperState.SyncConnected) {
                connected.countDown();
            }
        });
        if (!connected.await(DEADLINE_S, TimeUnit.SECONDS)) {
            throw new AssertionError("not connected to " + servers);
        }
        return client;
    }
}
