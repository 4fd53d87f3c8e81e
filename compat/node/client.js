// node-zookeeper-client against one server: node client.js HOST:PORT
'use strict';

const assert = require('node:assert');
const {promisify} = require('node:util');
const zookeeper = require('node-zookeeper-client');

const {ACL, CreateMode, Event, Exception, Id, Permission} = zookeeper;
const SESSION_TIMEOUT_MS = 30000;

/** Says that a behaviour holds. */
function ok(behaviour, actual, expected) {
    assert.deepStrictEqual(actual, expected, behaviour);
    console.log('ok ' + behaviour);
}

async function fails(behaviour, code, request) {
    try {
        await request;
    } catch (error) {
        ok(behaviour, error.name, Exception.create(code).name);
        return;
    }
    assert.fail(behaviour + ': succeeded');
}

/** The requests of a client as promises. */
function promised(client) {
    const call = name => promisify(client[name].bind(client));
    return {
        create: call('create'), remove: call('remove'), exists: call('exists'), setData: call('setData'),
        getData: promisify((path, watcher, done) => client.getData(path, watcher, (e, data, stat) => done(e, {data, stat}))),
        getChildren: promisify((path, watcher, done) => client.getChildren(path, watcher, (e, names) => done(e, names))),
        getACL: promisify((path, done) => client.getACL(path, (e, acls, stat) => done(e, {acls, stat}))),
        setACL: call('setACL'), mkdirp: call('mkdirp'),
    };
}

async function connect(address) {
    const client = zookeeper.createClient(address, {sessionTimeout: SESSION_TIMEOUT_MS});
    const connected = once(client, 'connected');
    client.connect();
    await connected;
    return client;
}

function once(client, event) {
    return new Promise(resolve => client.once(event, resolve));
}

/** A watcher and the promise of its event. */
function watch() {
    let watcher;
    const event = new Promise(resolve => watcher = event => resolve([event.type, event.path]));
    return {watcher, event};
}

const open = ACL.OPEN_ACL_UNSAFE;

async function createModes(zk, address) {
    ok('persistent', await zk.create('/js', null, open, CreateMode.PERSISTENT), '/js');
    ok('sequential', await zk.create('/js/s-', null, open, CreateMode.PERSISTENT_SEQUENTIAL), '/js/s-0000000000');
    const other = await connect(address);
    const brief = promised(other);
    ok('ephemeral', await brief.create('/js/e', Buffer.from('x'), open, CreateMode.EPHEMERAL), '/js/e');
    ok('ephemeral sequential', await brief.create('/js/es-', null, open, CreateMode.EPHEMERAL_SEQUENTIAL),
        '/js/es-0000000002');
    const {stat} = await zk.getData('/js/e', null);
    ok('ephemeral owner', stat.ephemeralOwner, other.getSessionId());
    const gone = watch();
    await zk.exists('/js/e', gone.watcher);
    other.close();
    ok('ephemerals end with their session', await gone.event, [Event.NODE_DELETED, '/js/e']);
    ok('parents too', await zk.mkdirp('/js/a/b/c'), '/js/a/b/c');
    await fails('node exists', Exception.NODE_EXISTS, zk.create('/js', null, open, CreateMode.PERSISTENT));
    await fails('not empty', Exception.NOT_EMPTY, zk.remove('/js', -1));
    await fails('no node', Exception.NO_NODE, zk.getData('/nowhere', null));
}

async function watches(zk) {
    const created = watch();
    ok('exists of nothing', await zk.exists('/w', created.watcher), null);
    await zk.create('/w', Buffer.from('one'), open, CreateMode.PERSISTENT);
    ok('created', await created.event, [Event.NODE_CREATED, '/w']);
    const changed = watch();
    ok('data', (await zk.getData('/w', changed.watcher)).data.toString(), 'one');
    ok('version', (await zk.setData('/w', Buffer.from('two'), 0)).version, 1);
    ok('changed', await changed.event, [Event.NODE_DATA_CHANGED, '/w']);
    await fails('bad version', Exception.BAD_VERSION, zk.setData('/w', Buffer.from('three'), 0));
    const children = watch();
    ok('no children', await zk.getChildren('/w', children.watcher), []);
    await zk.create('/w/kid', null, open, CreateMode.PERSISTENT);
    ok('children changed', await children.event, [Event.NODE_CHILDREN_CHANGED, '/w']);
    const deleted = watch();
    await zk.exists('/w/kid', deleted.watcher);
    await zk.remove('/w/kid', -1);
    ok('deleted', await deleted.event, [Event.NODE_DELETED, '/w/kid']);
}

async function multi(client, zk) {
    const commit = transaction => promisify(transaction.commit.bind(transaction))();
    const results = await commit(client.transaction().create('/m').create('/m/a', Buffer.from('x'))
        .setData('/m', Buffer.from('y'), 0).check('/m', 1).remove('/m/a', -1));
    ok('multi', results.length, 5);
    await fails('multi fails whole', Exception.NO_NODE, commit(client.transaction().create('/m/b').remove('/m/c', -1)));
    ok('nothing of it stays', await zk.exists('/m/b', null), null);
}

async function acl(zk, address) {
    const client = await connect(address);
    client.addAuthInfo('digest', Buffer.from('owner:secret'));
    const owner = promised(client);
    await owner.create('/acl', Buffer.from('s'), ACL.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
    await fails('no auth', Exception.NO_AUTH, zk.getData('/acl', null));
    const {acls} = await owner.getACL('/acl');
    ok('digest', [acls[0].id.scheme, acls[0].id.id], ['digest', 'owner:Vj++wdU3sMAbt+g9TyKj1BT+usI=']);
    ok('aversion', (await owner.setACL('/acl', [new ACL(Permission.READ, Id.ANYONE_ID_UNSAFE)], 0)).aversion, 1);
    ok('readable', (await zk.getData('/acl', null)).data.toString(), 's');
    await fails('invalid acl', Exception.INVALID_ACL,
        zk.create('/acl2', null, ACL.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
    client.close();
}

async function reconnect(client, zk) {
    const id = client.getSessionId();
    await zk.create('/mine', null, open, CreateMode.EPHEMERAL);
    const later = watch();
    await zk.exists('/later', later.watcher);
    const [lost, back] = [once(client, 'disconnected'), once(client, 'connected')];
    console.log('please kill and restart');
    await lost;
    await back;
    ok('same session', client.getSessionId(), id);
    ok('ephemeral is there', (await zk.getData('/mine', null)).stat.ephemeralOwner, id);
    await zk.create('/later', null, open, CreateMode.PERSISTENT);
    ok('watch is there', await later.event, [Event.NODE_CREATED, '/later']);
}

async function main(address) {
    const client = await connect(address);
    const zk = promised(client);
    await createModes(zk, address);
    await watches(zk);
    await multi(client, zk);
    await acl(zk, address);
    await reconnect(client, zk);
    client.close();
    console.log('done');
}

main(process.argv[2]).catch(error => {
    console.error(error);
    process.exit(1);
});
