/*
 * game: a loop of 60 frames a second, and 100,000 jobs beside it.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/hosts/game.c -o game \
 *         $(pkg-config --cflags --libs sdl2) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     SDL_VIDEODRIVER=dummy ./game        # or with a screen: ./game
 *
 * Every frame each of the entities takes a turn, which is two jobs. It thinks,
 * on a worker; then it moves, and what moves may be touched by the main thread
 * only, so that job goes to a pump, which the main thread runs once per frame
 * for at most 4 ms. An entity has a lane for each: its thoughts and its moves
 * stay in order, however many entities think at once. The moves cost more than
 * the frames give them, so they fall behind and catch up when the last turn was
 * taken; the frames stay on time.
 *
 * The exit status is 0 when every job ran exactly once and in the order of its
 * entity, and the pump kept to its budget in every frame.
 */
#define _GNU_SOURCE

#include "../host.h"

#include <SDL.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    ENTITIES = 500, TURNS = 100, JOBS = 2 * ENTITIES * TURNS,
    WIDTH = 320, HEIGHT = 200, BUCKETS = 12, MOST_FRAMES = 60 * 120
};

static const double FRAME = 1.0 / 60, BUDGET = 0.004;

struct entity {
    ts_lane *mind, *body;
    uint32_t thoughts, moves;   /* how many there were: the next one's number */
    bool mind_disorder, body_disorder;
    uint32_t place;
};

struct turn {
    struct entity *entity;
    uint32_t number, plan;
    uint32_t thought, moved;    /* how often */
};

/* What the moves of one frame tell about the pump. */
struct pumped {
    size_t count, late;
    double deadline, last;      /* of the last move: how long it took */
};

static struct {
    ts_scheduler *scheduler;
    ts_pump *pump;
    pthread_t main_thread;
    struct entity entities[ENTITIES];
    struct turn turns[TURNS][ENTITIES];
    atomic_size_t thought, failed;
    size_t moved, elsewhere;
    struct pumped frame;
} game;

/* ---- The jobs ------------------------------------------------------------ */

static uint32_t work(uint32_t seed, uint32_t rounds)
{
    uint32_t state = seed | 1;
    while (rounds-- > 0) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
    }
    return state;
}

/* Most jobs are small, some ten times as long, a few a hundred times. */
static uint32_t rounds_of(const struct turn *turn, uint32_t small)
{
    uint32_t dice = work(turn->number * ENTITIES + (uint32_t)(turn->entity - game.entities), 8) % 1000;
    return dice < 800 ? small : dice < 990 ? 10 * small : 100 * small;
}

/* On the main thread, within ts_pump_run. */
static int32_t move(ts_token *token, void *user_data)
{
    double start = now();
    struct turn *turn = user_data;
    struct entity *entity = turn->entity;
    (void)token;
    /* The pump looks at the clock before each job. Who was interrupted between
     * that look and this one starts late; the next look must then end the
     * frame's work, so only one job may. */
    if (game.frame.count++ == 0)
        game.frame.deadline = start + BUDGET;
    else if (start > game.frame.deadline)
        game.frame.late++;
    if (!pthread_equal(pthread_self(), game.main_thread))
        game.elsewhere++;
    if (turn->number != entity->moves++)
        entity->body_disorder = true;
    turn->moved++;
    game.moved++;
    entity->place += work(turn->plan, rounds_of(turn, 2000)) % 5;
    game.frame.last = now() - start;
    return 0;
}

/* On a worker. */
static int32_t think(ts_token *token, void *user_data)
{
    struct turn *turn = user_data;
    struct entity *entity = turn->entity;
    ts_task_id id;
    if (turn->number != entity->thoughts++)
        entity->mind_disorder = true;
    turn->thought++;
    turn->plan = work(turn->number, rounds_of(turn, 2000));
    atomic_fetch_add(&game.thought, 1);
    if (ts_lane_add_task(entity->body, false, move, turn, NULL, &id) == TS_OK)
        return 0;
    ts_set_error(token, ts_last_error_message());
    atomic_fetch_add(&game.failed, 1);
    return 1;
}

/* ---- The frames ---------------------------------------------------------- */

static void set_up(void)
{
    ts_lane_options mind = TS_LANE_OPTIONS_INIT, body = TS_LANE_OPTIONS_INIT;
    char name[32];
    game.main_thread = pthread_self();
    must(ts_scheduler_new("line_task_max: 2\nmaximum_queue_line: 0", &game.scheduler), "scheduler");
    must(ts_pump_new(game.scheduler, NULL, &game.pump), "pump");
    body.pump = game.pump;
    body.runner = TS_PUMP;
    mind.name = body.name = name;
    for (size_t i = 0; i < ENTITIES; i++) {
        struct entity *entity = &game.entities[i];
        snprintf(name, sizeof name, "mind %zu", i);
        must(ts_lane_new(game.scheduler, &mind, &entity->mind), name);
        snprintf(name, sizeof name, "body %zu", i);
        must(ts_lane_new(game.scheduler, &body, &entity->body), name);
        entity->place = (uint32_t)i * (WIDTH * HEIGHT / ENTITIES);
        for (uint32_t number = 0; number < TURNS; number++)
            game.turns[number][i] = (struct turn){ .entity = entity, .number = number };
    }
}

static void take_turns(size_t number)
{
    ts_task_id id;
    for (size_t i = 0; i < ENTITIES; i++)
        must(ts_lane_add_task(game.entities[i].mind, false, think, &game.turns[number][i], NULL, &id),
             "a turn");
}

static void draw(SDL_Window *window)
{
    SDL_Surface *surface = SDL_GetWindowSurface(window);
    if (surface == NULL)
        die("SDL_GetWindowSurface", SDL_GetError());
    SDL_FillRect(surface, NULL, 0);
    for (size_t i = 0; i < ENTITIES; i++) {
        uint32_t place = game.entities[i].place % (WIDTH * HEIGHT);
        SDL_Rect dot = { (int)(place % WIDTH), (int)(place / WIDTH), 2, 2 };
        SDL_FillRect(surface, &dot, 0xFFFFFFFFU);
    }
    SDL_UpdateWindowSurface(window);
}

static bool wants_to_quit(void)
{
    SDL_Event event;
    bool quit = false;
    while (SDL_PollEvent(&event))
        quit = quit || event.type == SDL_QUIT;
    return quit;
}

struct series {
    double least, most, sum;
    size_t count, buckets[BUCKETS];     /* the last one: and more */
};

static void note(struct series *series, double value, double width)
{
    size_t bucket = (size_t)(value / width);
    series->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    if (series->count++ == 0 || value < series->least)
        series->least = value;
    if (value > series->most)
        series->most = value;
    series->sum += value;
}

static void print_series(const char *what, const struct series *series, double width)
{
    printf("%s: least %.2f, mean %.2f, most %.2f\n", what, series->least,
           series->sum / (double)series->count, series->most);
    for (size_t i = 0; i < BUCKETS; i++) {
        int bar = (int)(50 * series->buckets[i] / series->count);
        if (series->buckets[i] > 0)
            printf("    from %5.0f: %5zu frames %.*s\n", (double)i * width, series->buckets[i], bar,
                   "##################################################");
    }
}

/* ---- What came of it ------------------------------------------------------ */

static bool all_ran(void)
{
    size_t wrong = 0, disorder = 0;
    for (size_t number = 0; number < TURNS; number++)
        for (size_t i = 0; i < ENTITIES; i++)
            wrong += game.turns[number][i].thought != 1 || game.turns[number][i].moved != 1;
    for (size_t i = 0; i < ENTITIES; i++)
        disorder += game.entities[i].mind_disorder || game.entities[i].body_disorder;
    if (wrong > 0 || disorder > 0 || game.elsewhere > 0 || game.failed > 0)
        printf("WRONG: %zu turns not exactly once, %zu entities out of order, "
               "%zu moves off the main thread, %zu thoughts failed\n",
               wrong, disorder, game.elsewhere, atomic_load(&game.failed));
    else
        printf("every job ran exactly once, in the order of its entity\n");
    return wrong == 0 && disorder == 0 && game.elsewhere == 0 && game.failed == 0;
}

int main(void)
{
    static struct series lengths, busy, ran;    /* of frames: milliseconds, milliseconds, jobs */
    double started, next, over = 0, most_over = 0, last = 0, pumping = 0;
    size_t frames = 0, late = 0, too_late = 0;
    bool quit = false, ok;

    if (SDL_Init(SDL_INIT_VIDEO) != 0)
        die("SDL_Init", SDL_GetError());
    SDL_Window *window = SDL_CreateWindow("game", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                          WIDTH, HEIGHT, 0);
    if (window == NULL)
        die("SDL_CreateWindow", SDL_GetError());
    set_up();

    started = next = now();
    while (!quit && game.moved < JOBS / 2 && game.failed == 0 && frames < MOST_FRAMES) {
        double start = now(), pumped;
        size_t count;
        if (frames < TURNS)
            take_turns(frames);
        game.frame = (struct pumped){ 0 };
        pumped = now();
        must(ts_pump_run(game.pump, 0, BUDGET, &count), "pump");
        pumped = now() - pumped;
        pumping += pumped;
        if (pumped > BUDGET) {
            over += pumped - BUDGET;
            last += game.frame.last;
            if (pumped - BUDGET > most_over)
                most_over = pumped - BUDGET;
        }
        late += game.frame.late > 0;
        too_late += game.frame.late > 1 || count != game.frame.count;
        quit = wants_to_quit();
        draw(window);
        note(&busy, (now() - start) * 1e3, 2);
        note(&ran, (double)count, 100);
        frames++;
        next += FRAME;
        double left = next - now();
        if (left < 0)
            next -= left;       /* this frame took too long; the others need not */
        else
            SDL_Delay((uint32_t)(left * 1e3 + 0.5));
        note(&lengths, (now() - start) * 1e3, 2);
    }

    printf("%zu jobs in %zu frames and %.2f s: %zu on workers, %zu on the pump\n",
           atomic_load(&game.thought) + game.moved, frames, now() - started,
           atomic_load(&game.thought), game.moved);
    print_series("milliseconds from frame to frame", &lengths, 2);
    print_series("milliseconds of work of the main thread per frame", &busy, 2);
    print_series("jobs of the pump per frame", &ran, 100);
    printf("pump: %.1f ms a frame allowed, %.2f used on average; over-run by %.3f ms in all, %.3f at "
           "most; the last jobs of these frames took %.3f\n",
           BUDGET * 1e3, pumping * 1e3 / (double)frames, over * 1e3, most_over * 1e3, last * 1e3);
    printf("pump: in %zu frames a job started after the budget was used up, in %zu more than one\n",
           late, too_late);
    ok = all_ran() && too_late == 0;

    must(ts_shutdown(game.scheduler, true), "shutdown");
    for (size_t i = 0; i < ENTITIES; i++) {
        ts_lane_free(game.entities[i].mind);
        ts_lane_free(game.entities[i].body);
    }
    ts_pump_free(game.pump);
    ts_scheduler_free(game.scheduler);
    SDL_DestroyWindow(window);
    SDL_Quit();
    return ok ? 0 : 1;
}
