//! Whether a delivery costs the same however many jobs are stored.

use std::time::Duration;

use zixly_store::load;

use crate::lambda::Environment;
use crate::measured::ms;
use crate::report::section;
use crate::scene::Scene;
use crate::webhook::Served;
use crate::{machine, say, start, webhook};

const FEW_JOBS: u64 = 1000;
const TENANTS: u32 = 100;
/// In turn, so that whatever else the machine does falls on both.
const TURNS: u32 = 4;
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(15);
/// More would not be a cost that rises linearly.
const AT_MOST: f64 = 1.10;

/// A database with so many jobs, and a door to it.
struct Side {
    jobs: u64,
    scene: Scene,
    door: Vec<Environment>,
    sum: Sum,
}

/// What all turns took.
#[derive(Default)]
struct Sum {
    deliveries: f64,
    function_ms: f64,
    postgres_ms: f64,
    wal_bytes: f64,
}

/// Delivers to a database with few jobs and to one with `many`. Gives the report, and whether the limit is kept.
pub async fn measure(binary: &dyn Fn(&str) -> String, many: u64) -> (String, bool) {
    let mut sides = [Side::set(binary, FEW_JOBS).await, Side::set(binary, many).await];
    for _ in 0..TURNS {
        for side in &mut sides {
            let Served { took, used } = webhook::deliver(&side.scene, &mut side.door, MEASURED).await;
            side.sum.deliveries += took.count() as f64;
            side.sum.function_ms += ms(used.functions);
            side.sum.postgres_ms += ms(used.postgres);
            side.sum.wal_bytes += used.wal_bytes as f64;
        }
    }
    text(&sides)
}

impl Side {
    async fn set(binary: &dyn Fn(&str) -> String, jobs: u64) -> Self {
        let scene = Scene::set_on_disk().await;
        let store = scene.database.superuser_store();
        let mut session = store.session().await.expect("the server is up");
        load::jobs(&mut session, TENANTS, jobs, |_| ()).await.expect("they are copied in");
        say(&format!("{jobs} jobs are stored"));
        // What the load has left to be written belongs to no delivery.
        scene.execute("checkpoint").await;
        let mut door = start(&scene, binary, "webhook", 1);
        webhook::deliver(&scene, &mut door, WARM_UP).await;
        Self { jobs, scene, door, sum: Sum::default() }
    }
}

impl Sum {
    fn processor_ms(&self) -> f64 {
        (self.function_ms + self.postgres_ms) / self.deliveries
    }

    fn wal_bytes(&self) -> f64 {
        self.wal_bytes / self.deliveries
    }
}

fn text(sides: &[Side; 2]) -> (String, bool) {
    let rows = sides.iter().map(|Side { jobs, sum, .. }| {
        vec![
            jobs.to_string(),
            format!("{:.3}", sum.function_ms / sum.deliveries),
            format!("{:.3}", sum.postgres_ms / sum.deliveries),
            format!("{:.3}", sum.processor_ms()),
            format!("{:.0}", sum.wal_bytes()),
        ]
    });
    let [few, many] = sides;
    let ratio = many.sum.processor_ms() / few.sum.processor_ms();
    let words = format!(
        "Written by `make bench-large`: {}.\n\n\
         Deliveries to one environment, in turn with the one database and with the other. Each has its jobs over {TENANTS} \
         tenants, and those that deliver besides. Stored are jobs and steps, not the deliveries that they would have come by.",
        machine::description()
    );
    let columns = "jobs stored | function ms | PostgreSQL ms | together ms | WAL bytes";
    let table = section("A delivery, by how many jobs are stored", &words, columns, rows);
    let verdict = format!(
        "Processor time is {ratio:.2} times as much, and may be {AT_MOST:.2} times; bytes of WAL are {:.2} times as many.",
        many.sum.wal_bytes() / few.sum.wal_bytes()
    );
    (format!("{}\n\n{verdict}\n", table.replacen("## ", "# ", 1)), ratio <= AT_MOST)
}
