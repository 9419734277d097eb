// Package ts schedules tasks on goroutines: tasks of a queue run in the order in which they were
// added, one at a time or as many as the queue allows; tasks of different queues run side by side.
// Every task has an id, a state, a result, and a [context.Context] that tells it to stop.
//
//	scheduler, err := ts.New(ts.WithSetting("line_task_max", 100))
//	if err != nil {
//		return err
//	}
//	defer scheduler.Close()
//
//	mail := scheduler.Queue("mail", ts.Limit(4), ts.Capacity(1000))
//	err = mail.Go(func(ctx context.Context) error { return deliver(ctx, letter) })
//
//	size, err := ts.Submit(ctx, scheduler.Queue("thumbnails"), func(ctx context.Context) (int, error) {
//		return makeThumbnail(ctx, picture)
//	})
//	if err != nil {
//		return err
//	}
//	bytes, err := size.Wait(ctx)
//
// # Who runs a task
//
// Goroutines do, and no more of them than tasks run. The library, which is written in Rust and linked
// through cgo, decides when a task may run; it calls no Go code and has no thread of its own here.
//
// # Stopping
//
// A task is told to stop through its context: by [Task.Cancel], by the context that was given to
// [Submit], by a time-out ([Timeout]), or by [Scheduler.Close]. [context.Cause] tells these apart. The
// stop decides how the task ends, whatever its function returns after it. A goroutine cannot be ended
// from outside: a function that does not look at its context runs to its end, and holds its place in
// its queue until then.
//
// # Limits
//
// As the library has it for every language, a scheduler starts with room for 10 running and 30 pending
// tasks. "line_task_max" and "maximum_queue_line" ([WithSetting], [Scheduler.Set]) change that; a
// pending limit of 0 is none.
package ts
