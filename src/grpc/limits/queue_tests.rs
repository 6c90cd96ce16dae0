//! Lines by a clock of the tests' own, and by the real one where somebody waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::error::TryRecvError;

use super::{Class, Denied, Queue, State, Ticket};

const WAIT: Duration = Duration::from_millis(100);

struct Scene {
    state: State,
    start: Instant,
}

impl Scene {
    fn of(places: usize) -> Scene {
        Scene { state: State::new(places, WAIT), start: Instant::now() }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Comes at that time, in no haste.
    fn arrive(&mut self, class: Class, millis: u64) -> Result<Option<Ticket>, Denied> {
        let (now, latest) = (self.at(millis), self.at(100_000));
        self.state.arrive(class, now, latest)
    }

    fn waits(&mut self, class: Class, millis: u64) -> Ticket {
        self.arrive(class, millis).unwrap().expect("a place was free")
    }

    fn enters(&mut self, class: Class) {
        assert!(self.arrive(class, 0).unwrap().is_none(), "no place was free for {class:?}");
    }

    fn leave(&mut self, class: Class, millis: u64) {
        let now = self.at(millis);
        self.state.leave(class, now);
    }

    fn patience(&self, ticket: &Ticket, millis: u64) -> u128 {
        (ticket.until - self.at(millis)).as_millis()
    }
}

fn called(ticket: &mut Ticket) -> bool {
    ticket.turn.try_recv().is_ok()
}

#[test]
fn a_free_place_goes_to_decisions_first_and_to_who_came_first() {
    let mut scene = Scene::of(1);
    scene.enters(Class::Work);
    let mut tickets: Vec<(Class, Ticket)> =
        [Class::Look, Class::Work, Class::Decide, Class::Decide]
            .into_iter()
            .map(|class| (class, scene.waits(class, 1)))
            .collect();
    let mut order = Vec::new();
    let mut leaving = Class::Work;
    for _ in 0..4 {
        scene.leave(leaving, 2);
        let next = tickets.iter_mut().position(|(_, ticket)| called(ticket)).unwrap();
        assert!(!tickets.iter_mut().any(|(_, ticket)| called(ticket)), "two have one place");
        leaving = tickets[next].0;
        order.push(next);
    }
    assert_eq!(order, [2, 3, 1, 0]);
}

#[test]
fn reads_have_half_of_the_places_at_most() {
    let mut scene = Scene::of(5);
    scene.enters(Class::Look);
    scene.enters(Class::Look);
    let mut third = scene.waits(Class::Look, 0);
    for _ in 0..3 {
        scene.enters(Class::Decide);
    }
    scene.leave(Class::Decide, 1);
    assert!(!called(&mut third), "there is a place, and none for a third read");
    scene.enters(Class::Work);
    scene.leave(Class::Look, 2);
    assert!(called(&mut third));
    // With one place there is nothing to share.
    Scene::of(1).enters(Class::Look);
}

#[test]
fn decisions_have_a_quarter_of_the_places_to_themselves() {
    for (places, others) in [(1, 1), (2, 1), (3, 2), (4, 3), (8, 6), (256, 192)] {
        let mut scene = Scene::of(places);
        for _ in 0..others {
            scene.enters(Class::Work);
        }
        let mut write = scene.waits(Class::Work, 0);
        let mut read = scene.waits(Class::Look, 0);
        for _ in others..places {
            scene.enters(Class::Decide);
        }
        assert!(!called(&mut write) && !called(&mut read), "{places}");
        scene.leave(Class::Work, 1);
        assert!(called(&mut write) && !called(&mut read), "{places}");
    }
}

#[test]
fn a_line_that_does_not_get_empty_is_a_short_wait() {
    let mut scene = Scene::of(1);
    scene.enters(Class::Decide);
    let first = scene.waits(Class::Decide, 0);
    assert_eq!(scene.patience(&first, 0), 100);
    let second = scene.waits(Class::Decide, 99);
    assert_eq!(scene.patience(&second, 99), 100);
    let third = scene.waits(Class::Decide, 100);
    assert_eq!(scene.patience(&third, 100), 5);
    // Another class has a line of its own.
    let read = scene.waits(Class::Look, 100);
    assert_eq!(scene.patience(&read, 100), 100);
    for ticket in [&first, &second, &third] {
        scene.state.step_out(Class::Decide, ticket.number);
    }
    let after = scene.waits(Class::Decide, 101);
    assert_eq!(scene.patience(&after, 101), 100, "it was empty");
}

#[test]
fn nobody_waits_beyond_the_deadline_and_nobody_is_called_after_it() {
    let mut scene = Scene::of(1);
    scene.enters(Class::Decide);
    let latest = scene.at(30);
    let now = scene.at(10);
    let mut hasty = scene.state.arrive(Class::Decide, now, latest).unwrap().unwrap();
    assert_eq!(hasty.until, latest);
    let mut patient = scene.waits(Class::Decide, 10);
    scene.leave(Class::Decide, 30);
    assert!(!called(&mut hasty) && called(&mut patient));
    let late = scene.state.arrive(Class::Decide, latest, latest);
    assert_eq!(late.unwrap_err(), Denied::TooLate);
}

#[test]
fn a_bounded_number_waits_and_a_later_class_makes_room() {
    let mut scene = Scene::of(2);
    scene.enters(Class::Decide);
    scene.enters(Class::Decide);
    let mut reads: Vec<Ticket> = (0..8).map(|_| scene.waits(Class::Look, 0)).collect();
    assert_eq!(scene.arrive(Class::Look, 0).unwrap_err(), Denied::Shed);
    let mut write = scene.waits(Class::Work, 0);
    // The newest read is sent away: nobody is left who could call it.
    let mut newest = reads.pop().unwrap();
    assert_eq!(newest.turn.try_recv(), Err(TryRecvError::Closed));
    let decisions: Vec<Ticket> = (0..8).map(|_| scene.waits(Class::Decide, 0)).collect();
    assert!(!called(&mut write) && reads.iter_mut().all(|read| !called(read)));
    assert_eq!(decisions.len(), 8);
    assert_eq!(scene.arrive(Class::Decide, 0).unwrap_err(), Denied::Shed);
    assert_eq!(scene.arrive(Class::Work, 0).unwrap_err(), Denied::Shed);
}

fn queue(places: usize) -> Arc<Queue> {
    Arc::new(Queue::new(places, WAIT))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[tokio::test]
async fn who_waits_too_long_is_sent_away_and_who_leaves_is_not_called() {
    let queue = queue(1);
    let only = queue.enter(Class::Decide, soon()).await.unwrap();
    assert!(queue.enter_at_once(Class::Decide).is_none());
    assert_eq!(queue.enter(Class::Decide, soon()).await.unwrap_err(), Denied::Shed);
    let hasty = queue.enter(Class::Decide, Instant::now() + WAIT / 10).await;
    assert_eq!(hasty.unwrap_err(), Denied::TooLate);
    {
        let gone = queue.enter(Class::Decide, soon());
        let polled = tokio::time::timeout(Duration::from_millis(1), gone).await;
        assert!(polled.is_err(), "it had a place");
    }
    assert_eq!(queue.state().lines[0].waiting.len(), 0);
    drop(only);
    drop(queue.enter_at_once(Class::Decide).unwrap());
    let state = queue.state();
    assert_eq!((state.taken, state.taken_by_reads), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_place_is_lost_whoever_leaves_when() {
    let queue = queue(4);
    let tasks = (0..400_u64).map(|number| {
        let queue = Arc::clone(&queue);
        let class = Class::ALL[number as usize % 3];
        tokio::spawn(async move {
            // Some leave before they are called, some at the moment, some after.
            let patience = Duration::from_micros(number * 37 % 3_000);
            let stay = async {
                let entered = queue.enter(class, soon()).await;
                assert!(queue.state().taken <= 4);
                tokio::time::sleep(Duration::from_micros(number * 13 % 500)).await;
                drop(entered);
            };
            let _left = tokio::time::timeout(patience, stay).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let state = queue.state();
    assert_eq!((state.taken, state.taken_by_reads), (0, 0));
    assert!(state.lines.iter().all(|line| line.waiting.is_empty()));
}
