//! tokio: each name is an actor, a task that takes what to do from a channel.

use peers::{Peer, note_entered, note_reached, threads};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

enum Message {
    Run(fn(u64), u64),
    Sleep(Arc<Notify>),
}

struct Actors {
    all: Vec<UnboundedSender<Message>>,
    stop: Arc<Notify>,
    _runtime: Runtime,
}

impl Peer for Actors {
    const NAME: &'static str = "tokio actors";

    fn dash(workload: &str) -> Option<&'static str> {
        match workload {
            "W1" | "W4" => Some("every task goes to an actor"),
            "W7" => Some("as tokio spawn"),
            _ => None,
        }
    }

    fn start(names: usize) -> Actors {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads()).enable_time().build().unwrap();
        let actor = |_| {
            let (sender, mut receiver) = unbounded_channel();
            runtime.spawn(async move {
                while let Some(message) = receiver.recv().await {
                    match message {
                        Message::Run(run, data) => run(data),
                        Message::Sleep(stop) => {
                            note_entered();
                            let _ =
                                tokio::time::timeout(Duration::from_secs(1000), stop.notified())
                                    .await;
                            note_reached();
                        }
                    }
                }
            });
            sender
        };
        Actors {
            all: (0..names).map(actor).collect(),
            stop: Arc::new(Notify::new()),
            _runtime: runtime,
        }
    }

    fn add(&self, name: Option<usize>, run: fn(u64), data: u64) {
        let _ = self.all[name.unwrap()].send(Message::Run(run, data));
    }

    fn sleeper_start(&self) {
        let _ = self.all[0].send(Message::Sleep(self.stop.clone()));
    }

    fn sleeper_stop(&self) {
        self.stop.notify_one();
    }
}

fn main() {
    peers::main::<Actors>("tokio");
}
