import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** A session with an ephemeral and watches lives through a server that is killed and started again. */
public final class Reconnect {
    private static final byte[] NONE = new byte[0];

    private Reconnect() {}

    public static void main(String[] args) throws Exception {
        Check.Events session = new Check.Events();
        // Two hosts: a connection that hangs costs half the session's time, not all of it.
        ZooKeeper zk = new ZooKeeper(args[0] + "," + args[0], 30000, session);
        session.await(KeeperState.SyncConnected);
        long id = zk.getSessionId();
        zk.create("/r", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/r/mine", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        Check.Events data = new Check.Events();
        Check.Events exists = new Check.Events();
        Check.Events children = new Check.Events();
        zk.getData("/r", data, null);
        zk.exists("/r/later", exists);
        zk.getChildren("/r", children);

        Check.ask("kill and restart");
        session.await(KeeperState.Disconnected);
        session.await(KeeperState.SyncConnected);

        Check.equal("same session", id, zk.getSessionId());
        Check.equal("ephemeral is there", id, zk.exists("/r/mine", false).getEphemeralOwner());
        zk.setData("/r", Check.bytes("x"), 0);
        data.expect(EventType.NodeDataChanged, "/r");
        zk.create("/r/later", NONE, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        exists.expect(EventType.NodeCreated, "/r/later");
        children.expect(EventType.NodeChildrenChanged, "/r");

        ZooKeeper heir = takeOver(args[0], zk);
        Check.equal("session moves with its password", id, heir.getSessionId());
        heir.close();
        ZooKeeper other = Check.connect(args[0], 10000);
        Check.that("closing ends the ephemeral", other.exists("/r/mine", false) == null);
        other.close();
        zk.close();
        System.out.println("done");
    }

    private static ZooKeeper takeOver(String servers, ZooKeeper zk) throws Exception {
        Check.Events events = new Check.Events();
        ZooKeeper heir = new ZooKeeper(servers, 30000, events, zk.getSessionId(), zk.getSessionPasswd());
        events.await(KeeperState.SyncConnected);
        return heir;
    }
}
