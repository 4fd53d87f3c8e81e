import java.util.ArrayList;
import java.util.List;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Servers go up and down, each an ephemeral sequential node under /servers; a client always knows who is there. */
public final class Fleet {
    private static final int SERVERS = 5;

    private Fleet() {}

    public static void main(String[] args) throws Exception {
        ZooKeeper client = Check.connect(args[0], 10000);
        client.create("/servers", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        List<ZooKeeper> servers = new ArrayList<>();
        for (int up = 1; up <= SERVERS; up++) {
            Check.Events events = new Check.Events();
            client.getChildren("/servers", events);
            servers.add(server(args[0], "host-" + up));
            events.expect(EventType.NodeChildrenChanged, "/servers");
            Check.equal(up + " servers up", hosts(1, up), online(client));
        }
        for (int down = 1; down <= SERVERS; down++) {
            Check.Events events = new Check.Events();
            client.getChildren("/servers", events);
            servers.remove(0).close();
            events.expect(EventType.NodeChildrenChanged, "/servers");
            Check.equal(down + " servers down", hosts(down + 1, SERVERS), online(client));
        }
        client.close();
        System.out.println("done");
    }

    private static ZooKeeper server(String servers, String host) throws Exception {
        ZooKeeper zk = Check.connect(servers, 10000);
        zk.create("/servers/server", Check.bytes(host), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        return zk;
    }

    private static List<String> online(ZooKeeper client) throws Exception {
        List<String> hosts = new ArrayList<>();
        for (String child : Check.sorted(client.getChildren("/servers", false))) {
            hosts.add(new String(client.getData("/servers/" + child, false, null)));
        }
        return hosts;
    }

    private static List<String> hosts(int first, int last) {
        List<String> hosts = new ArrayList<>();
        for (int i = first; i <= last; i++) {
            hosts.add("host-" + i);
        }
        return hosts;
    }
}
