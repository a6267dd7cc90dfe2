//! A tenant's sockets are its own, come and go, and a ticket lets in once, however many come with it at once.

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use uuid::Uuid;
use zixly_domain::TenantId;
use zixly_sockets::{NewSocket, Opened, SocketTable};
use zixly_testkit::LocalAws;

struct Scene {
    table: SocketTable,
    tenant_id: TenantId,
    now: Timestamp,
}

impl Scene {
    async fn new() -> Self {
        let aws = LocalAws::new();
        let table = SocketTable::new(&aws.config, aws.socket_table().await);
        Self { table, tenant_id: TenantId::new(), now: Timestamp::now() }
    }

    async fn open(&self, tenant_id: TenantId, connection_id: &str) -> Opened {
        let socket = self.new_socket(tenant_id, connection_id, Uuid::new_v4());
        self.table.open(socket, self.now).await.expect("the table answers")
    }

    fn new_socket<'a>(&self, tenant_id: TenantId, connection_id: &'a str, ticket_id: Uuid) -> NewSocket<'a> {
        let ticket_expires_at = self.now + SignedDuration::from_secs(30);
        NewSocket { tenant_id, connection_id, ticket_id, ticket_expires_at }
    }

    async fn sockets(&self, tenant_id: TenantId, at: Timestamp) -> Vec<String> {
        let sockets = self.table.list(tenant_id, at).await.expect("the table answers");
        sockets.into_iter().map(|socket| socket.connection_id).collect()
    }
}

#[tokio::test]
async fn a_tenants_sockets_are_listed_until_they_are_closed_or_gone() {
    let scene = Scene::new().await;
    let other = TenantId::new();
    for connection_id in ["a=", "b=", "c="] {
        assert_eq!(scene.open(scene.tenant_id, connection_id).await, Opened::Yes);
    }
    assert_eq!(scene.open(other, "d=").await, Opened::Yes);
    assert_eq!(scene.sockets(scene.tenant_id, scene.now).await, ["a=", "b=", "c="]);
    assert_eq!(scene.sockets(other, scene.now).await, ["d="]);

    assert_eq!(scene.table.close("b=").await.unwrap(), Some(scene.tenant_id));
    assert_eq!(scene.table.close("b=").await.unwrap(), None);
    let socket = scene.table.list(scene.tenant_id, scene.now).await.unwrap().remove(0);
    assert_eq!(socket.opened_at.as_millisecond(), scene.now.as_millisecond());
    scene.table.remove(&socket).await.unwrap();
    assert_eq!(scene.table.close("a=").await.unwrap(), None);
    assert_eq!(scene.sockets(scene.tenant_id, scene.now).await, ["c="]);
    assert_eq!(scene.sockets(other, scene.now).await, ["d="]);
}

#[tokio::test]
async fn a_socket_that_nobody_closed_is_not_listed_for_ever() {
    let scene = Scene::new().await;
    scene.open(scene.tenant_id, "a=").await;
    let after = |minutes| scene.now + SignedDuration::from_mins(minutes);
    assert_eq!(scene.sockets(scene.tenant_id, after(120)).await, ["a="]);
    assert_eq!(scene.sockets(scene.tenant_id, after(131)).await.len(), 0);
}

#[tokio::test]
async fn of_all_who_come_with_a_ticket_at_once_one_is_let_in() {
    let scene = Scene::new().await;
    let ticket_id = Uuid::new_v4();
    let mut coming = JoinSet::new();
    for index in 0..10 {
        let (table, now) = (scene.table.clone(), scene.now);
        let socket = scene.new_socket(scene.tenant_id, "", ticket_id);
        coming.spawn(async move {
            let connection_id = format!("{index}=");
            let socket = NewSocket { connection_id: &connection_id, ..socket };
            // DynamoDB turns away who comes at the very same moment, and nobody is let in by that.
            table.open(socket, now).await.is_ok_and(|opened| opened == Opened::Yes)
        });
    }
    let let_in = coming.join_all().await.into_iter().filter(|is_in| *is_in).count();
    assert_eq!(let_in, 1);
    assert_eq!(scene.sockets(scene.tenant_id, scene.now).await.len(), 1);
    let again = scene.new_socket(scene.tenant_id, "again=", ticket_id);
    assert_eq!(scene.table.open(again, scene.now).await.unwrap(), Opened::TicketIsUsed);
}
