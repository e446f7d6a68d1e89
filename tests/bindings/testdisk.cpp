/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* testdisk KIND NAME...: one unit a name, of spd.hpp's devices; contract.py says what each block
 * does. KIND: simple, async. */

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

class memory {
public:
    char *at(uint64_t lba) { return &bytes[lba * BLOCK]; }
    void clear(const spd_range *ranges, uint32_t count)
    {
        for (uint32_t i = 0; i < count; i++)
            std::memset(at(ranges[i].lba), 0, size_t{ ranges[i].blocks } * BLOCK);
    }

private:
    std::vector<char> bytes = std::vector<char>(size_t{ BLOCK } * BLOCKS);
};

class simple_disk : public spd::device {
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
    }
    void unmap(const spd_range *ranges, uint32_t count, uint32_t) override
    {
        cause_trouble(ranges[0].lba);
        blocks_.clear(ranges, count);
    }
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

        for (auto &each : held_)
            if (each.get() == aborted) {
                spd::request mine = std::move(each);

                held_.remove_if([](const spd::request &one) { return !one; });
                lock.unlock();
                mine.complete();
                return;
            }
    }

    void transfer(const spd::request &request)
    {
        uint32_t count;
        const spd_range *ranges = request.ranges(count);

        if (request.operation() == SPD_READ)
            request.put(blocks_.at(request.lba()));
        if (request.operation() == SPD_WRITE)
            request.take(blocks_.at(request.lba()));
        blocks_.clear(ranges, count);
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

template <class Disk> void serve(char **names)
{
    std::list<Disk> disks;
    std::vector<spd::unit> units;
    spd::params params(BLOCKS);

    params.flags |= SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS;
    for (; *names; names++) {
        disks.emplace_back();
        units.emplace_back(*names, disks.back(), params);
    }
    for (auto &unit : units) {
        unit.shutdown_on_signal();
        unit.start();
        std::cout << "serving " << unit.door_uri() << std::endl;
    }
    for (auto &unit : units)
        unit.wait();
}

} // namespace

int main(int, char **argv) try {
    if (std::string("async") == argv[1])
        serve<async_disk>(argv + 2);
    else
        serve<simple_disk>(argv + 2);
} catch (const spd::error &wrong) {
    std::cerr << wrong.code() << ' ' << wrong.what() << '\n';
    return 3;
}
