/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* testdisk KIND NAME...: one unit a name, of spd.hpp's devices; contract.py says what each block
 * does. KIND: simple, verbs (what a simple device may have beside), async, doors (one unit, a door
 * for each name), pieces (no unit: calls readv and writev). */

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <spd/spd.hpp>

namespace {

constexpr uint32_t BLOCK = 512, BLOCKS = 1024;
constexpr uint64_t HELD = 100, FREES = 101, NOT_SUBMITTED = 110, DROPPED = 120, UNTIL_ABORT = 130;

const struct {
    uint64_t lba;
    void (*raise)();
} troubles[] = {
    { 10, [] { throw spd::sense_error(SPD_SENSE_MEDIUM_ERROR, SPD_ASC_WRITE_ERROR, 12); } },
    { 20, [] { throw std::system_error(ENOSPC, std::generic_category()); } },
    { 30, [] { throw std::bad_alloc(); } },
    { 40, [] { throw std::range_error("nothing is known\nof this block"); } },
    { 50, [] { throw 50; } },
    { 60, [] { throw spd::sense_error::busy(); } },
    { 70, [] { throw spd::sense_error(SPD_SENSE_RECOVERED_ERROR,
                   SPD_ASC_RECOVERED_DATA_WITH_RETRIES); } },
    { 80, [] { throw std::system_error(EIO, std::system_category()); } },
    { 90, [] { std::ifstream file; file.exceptions(std::ios::failbit); file.open("/none/such"); } },
};

void cause_trouble(uint64_t lba)
{
    for (const auto &trouble : troubles)
        if (trouble.lba == lba)
            trouble.raise();
}

/* A line for the test, whole: operations run beside each other. */
void tell(const char *verb, uint64_t lba, uint32_t blocks, uint32_t flags)
{
    std::string line = std::string("verb: ") + verb;

    for (uint64_t each : { lba, uint64_t{ blocks }, uint64_t{ flags } })
        line += ' ' + std::to_string(each);
    std::cerr << line + '\n';
}

class memory {
public:
    char *at(uint64_t lba) { return &bytes[lba * BLOCK]; }
    void mark(uint64_t lba, uint32_t blocks, bool has)
    {
        for (uint64_t i = lba; i < lba + blocks; i++)
            has_space[i] = has;
    }
    void write(uint64_t lba, uint32_t blocks) { mark(lba, blocks, true); }
    void clear(const spd_range *ranges, uint32_t count)
    {
        for (uint32_t i = 0; i < count; i++)
            zero(ranges[i].lba, ranges[i].blocks, SPD_MAY_UNMAP);
    }
    void zero(uint64_t lba, uint32_t blocks, uint32_t flags)
    {
        std::memset(at(lba), 0, size_t{ blocks } * BLOCK);
        mark(lba, blocks, !(flags & SPD_MAY_UNMAP));
    }
    void describe(uint64_t lba, uint32_t blocks, spd_extents *found)
    {
        for (uint64_t i = lba; i < lba + blocks; i++)
            if (!spd_extents_add(found, 1, has_space[i] ? SPD_MAPPED : SPD_DEALLOCATED))
                return;
    }

private:
    std::vector<char> bytes = std::vector<char>(size_t{ BLOCK } * BLOCKS);
    std::atomic<bool> has_space[BLOCKS] = {};
};

class simple_disk : public spd::device {
protected:
    memory blocks_;

    void read(void *buffer, uint64_t lba, uint32_t blocks, uint32_t) override
    {
        std::memcpy(buffer, blocks_.at(lba), size_t{ blocks } * BLOCK);
        cause_trouble(lba);
    }
    void write(const void *buffer, uint64_t lba, uint32_t blocks, uint32_t) override
    {
        cause_trouble(lba);
        std::memcpy(blocks_.at(lba), buffer, size_t{ blocks } * BLOCK);
        blocks_.write(lba, blocks);
    }

private:
    void unmap(const spd_range *ranges, uint32_t count, uint32_t) override
    {
        cause_trouble(ranges[0].lba);
        blocks_.clear(ranges, count);
    }
};

/* A read of UNTIL_ABORT waits for its abort. The threads are counted. */
class verb_disk : public simple_disk {
public:
    ~verb_disk() override
    {
        if (begun_)
            std::cerr << "verb: threads " << begun_ - ended_ << std::endl;
    }

private:
    void read(void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags) override
    {
        if (lba == UNTIL_ABORT) {
            std::unique_lock<std::mutex> lock(lock_);
            spd_request *mine = spd_request_current();

            aborted_.wait(lock, [mine] { return spd_request_is_aborted(mine); });
        }
        simple_disk::read(buffer, lba, blocks, flags);
    }
    void readv(const spd_vec *pieces, uint32_t count, uint64_t lba, uint32_t blocks,
        uint32_t) override
    {
        spd_vec_put(pieces, count, 0, blocks_.at(lba), size_t{ blocks } * BLOCK);
    }
    void writev(const spd_vec *pieces, uint32_t count, uint64_t lba, uint32_t blocks,
        uint32_t) override
    {
        spd_vec_get(pieces, count, 0, blocks_.at(lba), size_t{ blocks } * BLOCK);
        blocks_.write(lba, blocks);
    }
    void write_zeroes(uint64_t lba, uint32_t blocks, uint32_t flags) override
    {
        tell("write_zeroes", lba, blocks, flags);
        blocks_.zero(lba, blocks, flags);
    }
    void extents(uint64_t lba, uint32_t blocks, uint32_t, spd_extents *found) override
    {
        blocks_.describe(lba, blocks, found);
    }
    void prefetch(uint64_t lba, uint32_t blocks, uint32_t flags) override
    {
        tell("prefetch", lba, blocks, flags);
        cause_trouble(lba);
    }
    void abort(spd_request *) noexcept override
    {
        std::unique_lock<std::mutex> lock(lock_);

        std::cerr << "verb: abort" << std::endl;
        aborted_.notify_all();
    }
    void stop() noexcept override { std::cerr << "verb: stop" << std::endl; }
    void thread_begin() noexcept override
    {
        if (!begun_++)
            std::cerr << "verb: thread" << std::endl;
    }
    void thread_end() noexcept override { ended_++; }

    std::mutex lock_;
    std::condition_variable aborted_;
    std::atomic<int> begun_ = 0, ended_ = 0;
};

/* Requests wait for a thread, which takes the newest first. */
class async_disk : public spd::async_device {
public:
    async_disk() : worker_([this] { work(); }) {}
    ~async_disk() override
    {
        std::unique_lock<std::mutex> lock(lock_);

        ended_ = true;
        changed_.notify_all();
        lock.unlock();
        worker_.join();
    }

private:
    uint32_t submits() const noexcept override
    {
        return 1 << SPD_WRITE_ZEROES | 1 << SPD_EXTENTS | 1 << SPD_PREFETCH;
    }
    void submit(spd::request &&submitted) override
    {
        if (submitted.lba() == NOT_SUBMITTED)
            throw std::runtime_error("there was no place for the request");
        std::unique_lock<std::mutex> lock(lock_);
        waiting_.push_front(std::move(submitted));
        changed_.notify_all();
    }

    void abort(spd_request *aborted) noexcept override
    {
        std::unique_lock<std::mutex> lock(lock_);

        std::cerr << "verb: abort" << std::endl;
        for (auto &each : held_)
            if (each.get() == aborted) {
                spd::request mine = std::move(each);

                held_.remove_if([](const spd::request &one) { return !one; });
                lock.unlock();
                mine.complete();
                return;
            }
    }

    void stop() noexcept override { std::cerr << "verb: stop" << std::endl; }

    void do_verb(const spd::request &request)
    {
        if (request.operation() == SPD_EXTENTS)
            blocks_.describe(request.lba(), request.blocks(), request.extents());
        if (request.operation() == SPD_WRITE_ZEROES)
            blocks_.zero(request.lba(), request.blocks(), request.flags());
        if (request.operation() == SPD_WRITE_ZEROES || request.operation() == SPD_PREFETCH)
            tell(request.operation() == SPD_PREFETCH ? "prefetch" : "write_zeroes", request.lba(),
                request.blocks(), request.flags());
    }

    void transfer(const spd::request &request)
    {
        uint32_t count;
        const spd_range *ranges = request.ranges(count);

        if (request.operation() == SPD_READ)
            request.put(blocks_.at(request.lba()));
        if (request.operation() == SPD_WRITE) {
            request.take(blocks_.at(request.lba()));
            blocks_.write(request.lba(), request.blocks());
        }
        blocks_.clear(ranges, count);
        do_verb(request);
        cause_trouble(request.operation() == SPD_UNMAP ? ranges[0].lba : request.lba());
    }

    void serve(spd::request request)
    {
        if (request.lba() == DROPPED && request.operation() == SPD_READ)
            return;
        try {
            transfer(request);
            request.complete();
        } catch (...) {
            request.fail(std::current_exception());
        }
    }

    bool must_wait(const spd::request &request)
    {
        return request.operation() == SPD_READ && !request.is_aborted() &&
            (request.lba() == HELD || request.lba() == UNTIL_ABORT);
    }

    void work()
    {
        std::unique_lock<std::mutex> lock(lock_);

        for (;;) {
            changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
            if (waiting_.empty())
                return;
            spd::request request = std::move(waiting_.front());
            waiting_.pop_front();
            if (must_wait(request)) {
                held_.push_back(std::move(request));
                continue;
            }
            std::list<spd::request> freed;
            if (request.lba() == FREES)
                freed.swap(held_);
            lock.unlock();
            serve(std::move(request));
            for (auto &each : freed)
                serve(std::move(each));
            lock.lock();
        }
    }

    memory blocks_;
    std::mutex lock_;
    std::condition_variable changed_;
    std::list<spd::request> waiting_, held_;
    bool ended_ = false;
    std::thread worker_;
};

spd::params parameters()
{
    spd::params params(BLOCKS);

    params.flags |= SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS;
    params.rotation_rate = 5400;
    spd::set_text(params.vendor_id, "ACME");
    return params;
}

template <class Disk> void serve(char **names)
{
    std::list<Disk> disks;
    std::vector<spd::unit> units;

    for (; *names; names++) {
        disks.emplace_back();
        units.emplace_back(*names, disks.back(), parameters());
    }
    for (auto &unit : units) {
        unit.shutdown_on_signal();
        unit.start();
        std::cout << "serving " << unit.door_uri() << std::endl;
    }
    for (auto &unit : units)
        unit.wait();
}

/* Says what call has thrown, and what the unit says of it. */
template <class Call> void tell_failure(const spd::unit &unit, const Call &call)
{
    try {
        call();
    } catch (const spd::error &thrown) {
        const auto last = unit.last_error();

        std::cerr << "verb: " << thrown.code() << ' ' << thrown.what() << "; "
                  << (last ? last->what() : "none") << std::endl;
    }
}

void serve_doors(char **names)
{
    simple_disk disk;
    spd::unit unit(*names, disk, parameters());
    spd::params params(1);

    tell_failure(unit, [&] { spd::set_text(params.vendor_id, "nine char"); });
    tell_failure(unit, [&] { unit.resize(0); });
    while (*++names)
        unit.add_door(*names);
    unit.shutdown_on_signal();
    unit.start();
    for (uint32_t i = 0; !unit.door_uri(i).empty(); i++)
        std::cout << "serving " << unit.door_uri(i) << std::endl;
    unit.wait();
}

const char *same_after(spd_ops ops, spd::device &disk)
{
    char data[2 * BLOCK], back[sizeof data] = {};
    const spd_vec out[] = { { data, 100 }, { data + 100, sizeof data - 100 } },
                  in[] = { { back, 700 }, { back + 700, sizeof back - 700 } };
    spd_device served = { &ops, &disk };
    spd_status status = {};

    if (!ops.readv || !ops.writev || !ops.write_zeroes)
        return ops.readv || ops.writev || ops.write_zeroes ? "some" : "none";
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = static_cast<char>(i * 7);
    ops.writev(&served, out, 2, 5, 2, 0, &status);
    ops.readv(&served, in, 2, 5, 2, 0, &status);
    return std::memcmp(data, back, sizeof data) || status.scsi_status ? "other" : "same";
}

/* The first device has these operations, the second has not, and of the third nobody knows. */
void tell_pieces(char **)
{
    verb_disk verbs;
    simple_disk simple;
    spd::device &any = verbs;

    for (const char *result : { same_after(spd::detail::ops_of(verbs), verbs),
             same_after(spd::detail::ops_of(simple), simple),
             same_after(spd::detail::ops_of(any), any) })
        std::cout << result << std::endl;
}

const struct {
    const char *name;
    void (*serve)(char **names);
} kinds[] = {
    { "simple", serve<simple_disk> },
    { "verbs", serve<verb_disk> },
    { "async", serve<async_disk> },
    { "doors", serve_doors },
    { "pieces", tell_pieces },
};

} // namespace

int main(int, char **argv) try {
    for (const auto &kind : kinds)
        if (std::string(kind.name) == argv[1])
            kind.serve(argv + 2);
} catch (const spd::error &wrong) {
    std::cerr << wrong.code() << ' ' << wrong.what() << '\n';
    return 3;
}
