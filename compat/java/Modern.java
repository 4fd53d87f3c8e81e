import java.util.Arrays;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.WatcherType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** What came after 3.4: containers, TTL, persistent watches, multi reads and the rest. */
public final class Modern {
    private static final byte[] NONE = new byte[0];

    private Modern() {}

    public static void main(String[] args) throws Exception {
        ZooKeeper zk = Check.connect(args[0], 10000);
        createModes(zk);
        persistentWatches(zk);
        removedWatches(zk);
        multiRead(zk);
        questions(zk);
        zk.close();
        System.out.println("done");
    }

    private static void createModes(ZooKeeper zk) throws Exception {
        Stat stat = new Stat();
        zk.create("/new", Check.bytes("abc"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, stat);
        Check.equal("create gives stat", 3, stat.getDataLength());
        zk.create("/new/container", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER, stat);
        Check.equal("container hides its owner", 0L, stat.getEphemeralOwner());
        zk.create("/new/ttl", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 100000);
        Check.equal("ttl hides its owner", 0L, stat.getEphemeralOwner());
        Check.equal("sequential with ttl", "/new/ts-0000000002",
                zk.create("/new/ts-", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 100000));
        zk.create("/new/container/kid", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.delete("/new/container/kid", -1);
        zk.create("/new/fleeting", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 1);
        for (String path : Arrays.asList("/new/container", "/new/fleeting")) {
            Check.Events events = new Check.Events();
            if (zk.exists(path, events) != null) {
                events.expect(EventType.NodeDeleted, path);
            } else {
                System.out.println("ok event NodeDeleted " + path);
            }
        }
        Check.that("long lived stays", zk.exists("/new/ttl", false) != null);
    }

    private static void persistentWatches(ZooKeeper zk) throws Exception {
        zk.create("/p", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Check.Events flat = new Check.Events();
        Check.Events deep = new Check.Events();
        zk.addWatch("/p", flat, AddWatchMode.PERSISTENT);
        zk.create("/p/a", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        flat.expect(EventType.NodeChildrenChanged, "/p");
        zk.addWatch("/p/a", deep, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.create("/p/a/b", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        deep.expect(EventType.NodeCreated, "/p/a/b");
        zk.setData("/p/a", NONE, -1);
        deep.expect(EventType.NodeDataChanged, "/p/a");
        zk.delete("/p/a/b", -1);
        deep.expect(EventType.NodeDeleted, "/p/a/b");
        zk.setData("/p", NONE, -1);
        flat.expect(EventType.NodeDataChanged, "/p");
        Check.that("persistent watches tell once", flat.isEmpty() && deep.isEmpty());
    }

    private static void removedWatches(ZooKeeper zk) throws Exception {
        Check.Events events = new Check.Events();
        zk.getData("/p", events, null);
        zk.removeWatches("/p", events, WatcherType.Data, false);
        events.expect(EventType.DataWatchRemoved, "/p");
        Check.fails("no such watch", Code.NOWATCHER, () -> zk.removeWatches("/p", events, WatcherType.Data, false));
        zk.removeAllWatches("/p", WatcherType.Any, false);
        zk.setData("/p", NONE, -1);
        Check.that("removed watches are silent", events.isEmpty());
    }

    private static void multiRead(ZooKeeper zk) throws Exception {
        List<OpResult> results = zk.multi(Arrays.asList(Op.getData("/new"), Op.getChildren("/p"), Op.getData("/gone")));
        Check.equal("multi read data", "abc", new String(((OpResult.GetDataResult) results.get(0)).getData()));
        Check.equal("multi read children", Arrays.asList("a"),
                ((OpResult.GetChildrenResult) results.get(1)).getChildren());
        Check.equal("multi read error", Code.NONODE.intValue(), ((OpResult.ErrorResult) results.get(2)).getErr());
    }

    private static void questions(ZooKeeper zk) throws Exception {
        zk.create("/p/e", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Check.equal("ephemerals of the session", Arrays.asList("/p/e"), zk.getEphemerals());
        Check.equal("ephemerals under a prefix", 0, zk.getEphemerals("/new").size());
        Check.equal("all children", 2, zk.getAllChildrenNumber("/p"));
        zk.addAuthInfo("digest", Check.bytes("owner:secret"));
        Check.equal("who am i", Arrays.asList("digest:owner", "ip:127.0.0.1"),
                Check.sorted(zk.whoAmI().stream().map(i -> i.getAuthScheme() + ":" + i.getUser())
                        .collect(java.util.stream.Collectors.toList())));
        Check.equal("config of a standalone server", "", new String(zk.getConfig(false, null)));
    }
}
