import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Transaction;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** What every release of the client since 3.4 can do. */
public final class Classic {
    private static final byte[] NONE = new byte[0];

    private Classic() {}

    public static void main(String[] args) throws Exception {
        ZooKeeper zk = Check.connect(args[0], 10000);
        createModes(zk, args[0]);
        dataAndVersions(zk);
        watches(zk);
        multi(zk);
        acl(zk, args[0]);
        zk.close();
        System.out.println("done");
    }

    private static void createModes(ZooKeeper zk, String servers) throws Exception {
        Check.equal("persistent", "/modes", zk.create("/modes", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Check.equal("sequential", "/modes/s-0000000000",
                zk.create("/modes/s-", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
        Check.equal("sequence counts children made", "/modes/t-0000000001",
                zk.create("/modes/t-", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
        ZooKeeper other = Check.connect(servers, 10000);
        other.create("/modes/e", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Check.equal("ephemeral sequential", "/modes/es-0000000003",
                other.create("/modes/es-", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        Check.equal("ephemeral owner", other.getSessionId(), zk.exists("/modes/e", false).getEphemeralOwner());
        Check.fails("no children of ephemerals", Code.NOCHILDRENFOREPHEMERALS,
                () -> zk.create("/modes/e/c", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Check.fails("node exists", Code.NODEEXISTS,
                () -> zk.create("/modes", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Check.fails("no parent", Code.NONODE,
                () -> zk.create("/nowhere/c", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Check.equal("children", Arrays.asList("e", "es-0000000003", "s-0000000000", "t-0000000001"),
                Check.sorted(zk.getChildren("/modes", false)));
        other.close();
        Check.equal("ephemerals end with their session", Arrays.asList("s-0000000000", "t-0000000001"),
                Check.sorted(zk.getChildren("/modes", false)));
    }

    private static void dataAndVersions(ZooKeeper zk) throws Exception {
        zk.create("/data", Check.bytes("a"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Stat stat = new Stat();
        Check.equal("data", "a", new String(zk.getData("/data", false, stat)));
        Check.equal("version 0", 0, stat.getVersion());
        Check.equal("version 1", 1, zk.setData("/data", Check.bytes("b"), 0).getVersion());
        Check.fails("bad version of set", Code.BADVERSION, () -> zk.setData("/data", NONE, 0));
        Check.equal("any version", 2, zk.setData("/data", null, -1).getVersion());
        Check.that("null data", zk.getData("/data", false, stat) == null || stat.getDataLength() == 0);
        Check.fails("bad version of delete", Code.BADVERSION, () -> zk.delete("/data", 0));
        zk.create("/data/kid", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        Check.fails("not empty", Code.NOTEMPTY, () -> zk.delete("/data", -1));
        zk.delete("/data/kid", 0);
        Check.equal("cversion counts both", 2, zk.exists("/data", false).getCversion());
        zk.delete("/data", 2);
        Check.that("deleted", zk.exists("/data", false) == null);
        Check.fails("no node", Code.NONODE, () -> zk.getData("/data", false, null));
    }

    private static void watches(ZooKeeper zk) throws Exception {
        Check.Events events = new Check.Events();
        Check.that("exists watches nothing", zk.exists("/watched", events) == null);
        zk.create("/watched", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.expect(EventType.NodeCreated, "/watched");
        zk.getData("/watched", events, null);
        zk.setData("/watched", NONE, -1);
        events.expect(EventType.NodeDataChanged, "/watched");
        zk.setData("/watched", NONE, -1);
        zk.getChildren("/watched", events);
        zk.create("/watched/kid", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.expect(EventType.NodeChildrenChanged, "/watched");
        zk.getData("/watched/kid", events, null);
        zk.getChildren("/watched/kid", events);
        zk.delete("/watched/kid", -1);
        events.expect(EventType.NodeDeleted, "/watched/kid");
        Check.that("one event each", events.isEmpty());
    }

    private static void multi(ZooKeeper zk) throws Exception {
        List<OpResult> results = zk.multi(Arrays.asList(
                Op.create("/multi", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                Op.create("/multi/s-", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
                Op.setData("/multi", Check.bytes("x"), 0),
                Op.check("/multi", 1),
                Op.delete("/multi/s-0000000000", 0)));
        Check.equal("multi results", 5, results.size());
        Check.equal("multi create", "/multi/s-0000000000", ((OpResult.CreateResult) results.get(1)).getPath());
        Check.equal("multi set", 1, ((OpResult.SetDataResult) results.get(2)).getStat().getVersion());
        List<OpResult> failed = failedMulti(zk);
        List<Integer> codes = new ArrayList<>();
        for (OpResult result : failed) {
            codes.add(((OpResult.ErrorResult) result).getErr());
        }
        Check.equal("failed multi", Arrays.asList(0, Code.BADVERSION.intValue(), Code.RUNTIMEINCONSISTENCY.intValue()),
                codes);
        Check.that("all or nothing", zk.exists("/multi/a", false) == null);
        Transaction transaction = zk.transaction();
        transaction.create("/multi/t", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL).delete("/multi/t", -1);
        Check.equal("transaction", 2, transaction.commit().size());
    }

    private static List<OpResult> failedMulti(ZooKeeper zk) throws Exception {
        try {
            zk.multi(Arrays.asList(
                    Op.create("/multi/a", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
                    Op.setData("/multi", NONE, 77),
                    Op.delete("/multi/b", -1)));
        } catch (KeeperException e) {
            Check.equal("multi fails with the first error", Code.BADVERSION, e.code());
            return e.getResults();
        }
        throw new AssertionError("a multi with a bad version succeeded");
    }

    private static void acl(ZooKeeper zk, String servers) throws Exception {
        ZooKeeper owner = Check.connect(servers, 10000);
        owner.addAuthInfo("digest", Check.bytes("owner:secret"));
        owner.create("/acl", Check.bytes("s"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        ACL granted = owner.getACL("/acl", new Stat()).get(0);
        Check.equal("digest id", "digest owner:Vj++wdU3sMAbt+g9TyKj1BT+usI=",
                granted.getId().getScheme() + " " + granted.getId().getId());
        Check.fails("no read", Code.NOAUTH, () -> zk.getData("/acl", false, null));
        Check.fails("no write", Code.NOAUTH, () -> zk.setData("/acl", NONE, -1));
        Check.fails("no create", Code.NOAUTH,
                () -> zk.create("/acl/c", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Check.fails("creator needs auth", Code.INVALIDACL,
                () -> zk.create("/acl2", NONE, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        Check.fails("empty acl", Code.INVALIDACL,
                () -> zk.create("/acl2", NONE, Collections.<ACL>emptyList(), CreateMode.PERSISTENT));
        List<ACL> readable = Arrays.asList(new ACL(Perms.ALL, new Id("auth", "")),
                new ACL(Perms.READ, Ids.ANYONE_ID_UNSAFE));
        Check.equal("aversion", 1, owner.setACL("/acl", readable, 0).getAversion());
        Check.fails("bad aversion", Code.BADVERSION, () -> owner.setACL("/acl", readable, 0));
        Check.equal("read by all", "s", new String(zk.getData("/acl", false, null)));
        List<ACL> local = Collections.singletonList(new ACL(Perms.ALL, new Id("ip", "127.0.0.0/8")));
        zk.create("/ip", NONE, local, CreateMode.PERSISTENT);
        Check.equal("ip", 1, zk.setData("/ip", NONE, 0).getVersion());
        owner.close();
    }
}
