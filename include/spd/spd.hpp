/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * spd.h for C++17: a disk is an object whose member functions serve it, and a unit is an object
 * that ends when its scope does. The header is all there is to it. The library stays one of C, so
 * that a program and the library may come from different compilers.
 *
 *     class ram : public spd::device {
 *         void read(void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags) override;
 *         void write(const void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags) override;
 *     };
 *
 *     ram disk;
 *     spd::unit unit("iscsi://127.0.0.1:3260/iqn.2026-01.org.example:disk", disk,
 *         spd::params(1 << 20));
 *     unit.start();
 *     unit.wait();
 *
 * spd.h says what each operation and each call means, and which thread it may be on. This header
 * says what differs.
 *
 * Exceptions. A call that fails throws spd::error. An operation that fails throws, and the
 * initiator gets an answer that is made of the exception; none gets into the library:
 *
 *     spd::sense_error        what it says
 *     std::system_error       what spd_status_set_errno() makes of its number, where its category
 *                             has an errno value for it
 *     std::bad_alloc          the same for ENOMEM
 *     any other               HARDWARE ERROR, INTERNAL TARGET FAILURE, and a line of the log with
 *                             the text of the exception
 *
 * A program that is built without run-time type information may use all of it.
 */

#ifndef SPD_SPD_HPP
#define SPD_SPD_HPP

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "spd.h"

namespace spd {

/* A call of the library failed. what() is the error's text, and its detail where there is one. */
class error : public std::runtime_error {
public:
    /* code: what the call has returned. On the thread of the call, and before another one. */
    explicit error(int code) : error(code, spd_error_detail()) {}
    error(int code, const std::string &detail)
        : std::runtime_error(text(code, detail)), code_(code)
    {
    }

    /* An spd_error. */
    int code() const noexcept { return code_; }

private:
    static std::string text(int code, const std::string &detail)
    {
        return detail.empty() ? spd_strerror(code) : spd_strerror(code) + (": " + detail);
    }

    int code_;
};

/* An operation throws this to choose its answer itself. The names of keys and codes are those of
 * sense.h, of which an SPD_ASC_... is two arguments:
 *
 *     throw spd::sense_error(SPD_SENSE_MEDIUM_ERROR, SPD_ASC_UNRECOVERED_READ_ERROR, bad);
 */
class sense_error : public std::exception {
public:
    sense_error(uint8_t key, uint8_t asc, uint8_t ascq) noexcept
    {
        spd_status_set(&status_, key, asc, ascq, nullptr);
    }
    /* lba: the block that failed. */
    sense_error(uint8_t key, uint8_t asc, uint8_t ascq, uint64_t lba) noexcept
    {
        spd_status_set(&status_, key, asc, ascq, &lba);
    }
    /* BUSY: the trouble may pass. spd_status_set_busy() says when not to. */
    static sense_error busy() noexcept
    {
        sense_error made(0, 0, 0);

        spd_status_set_busy(&made.status_);
        return made;
    }

    const spd_status &status() const noexcept { return status_; }
    const char *what() const noexcept override
    {
        return status_.scsi_status == SPD_STATUS_CHECK_CONDITION
            ? spd_sense_key_name(status_.sense_key)
            : spd_scsi_status_name(status_.scsi_status);
    }

private:
    spd_status status_;
};

/* The parameters of a unit, with their defaults. */
struct params : spd_params {
    explicit params(uint64_t blocks, uint32_t bytes_of_a_block = 512) noexcept
    {
        spd_params_init(this, sizeof(spd_params));
        block_count = blocks;
        block_length = bytes_of_a_block;
    }
};

/* Sets a text of spd_params, such as vendor_id. Throws SPD_ERROR_TEXT for one that is too long. */
template <std::size_t Room> void set_text(char (&member)[Room], std::string_view text)
{
    if (text.size() >= Room)
        throw error(SPD_ERROR_TEXT, "'" + std::string(text) + "' is longer than " +
            std::to_string(Room - 1) + " characters");
    std::memset(member, 0, Room);
    std::memcpy(member, text.data(), text.size());
}

/* A simple device: an operation has done its work when it returns. Operations run on several
 * threads at once. */
class device {
public:
    virtual ~device() = default;

    virtual void read(void *buffer, uint64_t lba, uint32_t blocks, uint32_t flags) = 0;
    /* Overridden, or the unit has SPD_WRITE_PROTECTED. */
    virtual void write(const void *, uint64_t, uint32_t, uint32_t)
    {
        throw std::logic_error("the device has no write: its unit needs SPD_WRITE_PROTECTED");
    }
    /* Overridden by a device that has something to flush. */
    virtual void flush(uint64_t, uint32_t, uint32_t) {}
    /* Overridden, or the unit has no SPD_UNMAP_SUPPORTED. */
    virtual void unmap(const spd_range *, uint32_t, uint32_t)
    {
        throw std::logic_error("the device has no unmap: its unit must not have "
                               "SPD_UNMAP_SUPPORTED");
    }
    /* Adds the states of the blocks by spd_extents_add(); all have space unless overridden. */
    virtual void extents(uint64_t, uint32_t blocks, uint32_t, spd_extents *found)
    {
        spd_extents_add(found, blocks, SPD_MAPPED);
    }
    virtual void prefetch(uint64_t, uint32_t, uint32_t) {}

    /* The library does what these do for a device that does not override them. It gets them from
     * the type of the object with which the unit is made, so not from a reference to this class. */
    virtual void readv(const spd_vec *, uint32_t, uint64_t, uint32_t, uint32_t)
    {
        throw std::logic_error("the device has no readv");
    }
    virtual void writev(const spd_vec *, uint32_t, uint64_t, uint32_t, uint32_t)
    {
        throw std::logic_error("the device has no writev");
    }
    virtual void write_zeroes(uint64_t, uint32_t, uint32_t)
    {
        throw std::logic_error("the device has no write_zeroes");
    }

    /* request: spd_request_current() of the thread that runs the operation. */
    virtual void abort(spd_request *) noexcept {}
    virtual void stop() noexcept {}
    virtual void thread_begin() noexcept {}
    virtual void thread_end() noexcept {}

protected:
    device() = default;
    device(const device &) = default;
    device &operator=(const device &) = default;
};

namespace detail {

inline void fail(spd_status &status, const char *why) noexcept
{
    spd_log_line(0, why);
    spd_status_set(&status, SPD_SENSE_HARDWARE_ERROR, SPD_ASC_INTERNAL_TARGET_FAILURE, nullptr);
}

/* The errno value of an error code; 0: it has none. On Windows an error of the system may have
 * one. */
inline int errno_of(const std::error_code &code) noexcept
{
    const std::error_condition condition = code.default_error_condition();

    return condition.category() == std::generic_category() ? condition.value() : 0;
}

/* Calls an operation, and returns as one of spd_ops does. */
template <class Operation> int call(spd_status &status, const Operation &operation) noexcept
{
    try {
        operation();
    } catch (const sense_error &thrown) {
        status = thrown.status();
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (const std::system_error &thrown) {
        if (errno_of(thrown.code()) > 0)
            return -errno_of(thrown.code());
        fail(status, thrown.what());
    } catch (const std::exception &thrown) {
        fail(status, thrown.what());
    } catch (...) {
        fail(status, "the device threw what is no std::exception");
    }
    return 0;
}

} // namespace detail

/* A request that an asynchronous device has. It is completed once, by complete() or fail(); one
 * that is destroyed before is answered with HARDWARE ERROR. May be moved, also to other threads. */
class request {
public:
    request() noexcept = default;
    explicit request(spd_request *taken) noexcept : request_(taken) {}
    request(request &&other) noexcept : request_(std::exchange(other.request_, nullptr)) {}
    request &operator=(request &&other) noexcept
    {
        std::swap(request_, other.request_);
        return *this;
    }
    ~request()
    {
        if (request_)
            fail("a request was destroyed before it was completed");
    }

    /* Whether there is one: it was not completed, nor moved to another object. */
    explicit operator bool() const noexcept { return request_; }
    spd_request *get() const noexcept { return request_; }

    spd_operation operation() const noexcept { return spd_request_operation(request_); }
    uint64_t lba() const noexcept { return spd_request_lba(request_); }
    uint32_t blocks() const noexcept { return spd_request_blocks(request_); }
    uint32_t flags() const noexcept { return spd_request_flags(request_); }
    bool is_aborted() const noexcept { return spd_request_is_aborted(request_); }
    const spd_vec *data(uint32_t &count) const noexcept
    {
        return spd_request_data(request_, &count);
    }
    const spd_range *ranges(uint32_t &count) const noexcept
    {
        return spd_request_ranges(request_, &count);
    }
    spd_extents *extents() const noexcept { return spd_request_extents(request_); }

    /* A read: fills its memory with the bytes at `from`. */
    void put(const void *from) const noexcept
    {
        auto at = static_cast<const char *>(from);
        uint32_t count;
        const spd_vec *pieces = data(count);

        for (uint32_t i = 0; i < count; at += pieces[i++].length)
            std::memcpy(pieces[i].base, at, pieces[i].length);
    }
    /* A write: copies its bytes to `to`. */
    void take(void *to) const noexcept
    {
        auto at = static_cast<char *>(to);
        uint32_t count;
        const spd_vec *pieces = data(count);

        for (uint32_t i = 0; i < count; at += pieces[i++].length)
            std::memcpy(at, pieces[i].base, pieces[i].length);
    }

    void complete() noexcept { end(nullptr); }
    void complete(const spd_status &status) noexcept { end(&status); }
    /* With what an operation would have answered that throws this. */
    void fail(const std::exception_ptr &thrown) noexcept
    {
        spd_status status = {};
        int result = detail::call(status, [&thrown] { std::rethrow_exception(thrown); });

        if (result)
            spd_status_set_errno(&status, result, operation(), first_lba());
        end(&status);
    }

private:
    uint64_t first_lba() const noexcept
    {
        uint32_t count;
        const spd_range *first = ranges(count);

        return first ? first->lba : lba();
    }
    void fail(const char *why) noexcept
    {
        spd_status status = {};

        detail::fail(status, why);
        end(&status);
    }
    void end(const spd_status *status) noexcept
    {
        spd_request_complete(std::exchange(request_, nullptr), status);
    }

    spd_request *request_ = nullptr;
};

/* An asynchronous device. */
class async_device {
public:
    virtual ~async_device() = default;

    /* Moves the request to where it is worked on, or completes it. An exception while the request
     * is still there completes it as that of an operation. */
    virtual void submit(request &&submitted) = 0;
    /* The operations of submit besides reads, writes, flushes and unmaps: 1 << SPD_WRITE_ZEROES
     * and so on. Asked once, when a unit is made. */
    virtual uint32_t submits() const noexcept { return 0; }
    /* aborted: request::get() of one that the device has. */
    virtual void abort(spd_request *) noexcept {}
    virtual void stop() noexcept {}

protected:
    async_device() = default;
    async_device(const async_device &) = default;
    async_device &operator=(const async_device &) = default;
};

namespace detail {

/* The functions that the library calls. The context is the object, as a pointer to the base
 * class. */
template <class Device> struct entry {
    static Device &of(const spd_device *self) noexcept
    {
        return *static_cast<Device *>(self->context);
    }
    static int SPD_CALL read(spd_device *self, void *buffer, uint64_t lba, uint32_t blocks,
        uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).read(buffer, lba, blocks, flags); });
    }
    static int SPD_CALL write(spd_device *self, const void *buffer, uint64_t lba, uint32_t blocks,
        uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).write(buffer, lba, blocks, flags); });
    }
    static int SPD_CALL flush(spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).flush(lba, blocks, flags); });
    }
    static int SPD_CALL unmap(spd_device *self, const spd_range *ranges, uint32_t count,
        uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).unmap(ranges, count, flags); });
    }
    static int SPD_CALL readv(spd_device *self, const spd_vec *vec, uint32_t count, uint64_t lba,
        uint32_t blocks, uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).readv(vec, count, lba, blocks, flags); });
    }
    static int SPD_CALL writev(spd_device *self, const spd_vec *vec, uint32_t count, uint64_t lba,
        uint32_t blocks, uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).writev(vec, count, lba, blocks, flags); });
    }
    static int SPD_CALL write_zeroes(spd_device *self, uint64_t lba, uint32_t blocks,
        uint32_t flags, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).write_zeroes(lba, blocks, flags); });
    }
    static int SPD_CALL extents(spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_extents *found, spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).extents(lba, blocks, flags, found); });
    }
    static int SPD_CALL prefetch(spd_device *self, uint64_t lba, uint32_t blocks, uint32_t flags,
        spd_status *status) noexcept
    {
        return call(*status, [&] { of(self).prefetch(lba, blocks, flags); });
    }
    static void SPD_CALL thread_begin(spd_device *self) noexcept { of(self).thread_begin(); }
    static void SPD_CALL thread_end(spd_device *self) noexcept { of(self).thread_end(); }
    static void SPD_CALL submit(spd_device *self, spd_request *submitted) noexcept
    {
        request owner(submitted);

        try {
            of(self).submit(std::move(owner));
        } catch (...) {
            if (owner)
                owner.fail(std::current_exception());
        }
    }
    static void SPD_CALL abort(spd_device *self, spd_request *aborted) noexcept
    {
        of(self).abort(aborted);
    }
    static void SPD_CALL stop(spd_device *self) noexcept { of(self).stop(); }
};

template <class Device> spd_ops common() noexcept
{
    spd_ops ops;

    spd_ops_init(&ops, sizeof ops);
    ops.abort = entry<Device>::abort;
    ops.stop = entry<Device>::stop;
    return ops;
}

/* Whether a class overrides a member function of device. The name then means a member of that class
 * or of one between them, or has no type here: it is private, as overrides often are. */
template <class Device, class = void> struct overrides_readv : std::true_type {};
template <class Device>
struct overrides_readv<Device, std::void_t<decltype(&Device::readv)>>
    : std::negation<std::is_same<decltype(&Device::readv), decltype(&device::readv)>> {};

template <class Device, class = void> struct overrides_writev : std::true_type {};
template <class Device>
struct overrides_writev<Device, std::void_t<decltype(&Device::writev)>>
    : std::negation<std::is_same<decltype(&Device::writev), decltype(&device::writev)>> {};

template <class Device, class = void> struct overrides_write_zeroes : std::true_type {};
template <class Device>
struct overrides_write_zeroes<Device, std::void_t<decltype(&Device::write_zeroes)>>
    : std::negation<
          std::is_same<decltype(&Device::write_zeroes), decltype(&device::write_zeroes)>> {};

inline spd_ops simple_ops() noexcept
{
    spd_ops ops = common<device>();

    ops.read = entry<device>::read;
    ops.write = entry<device>::write;
    ops.flush = entry<device>::flush;
    ops.unmap = entry<device>::unmap;
    ops.extents = entry<device>::extents;
    ops.prefetch = entry<device>::prefetch;
    ops.thread_begin = entry<device>::thread_begin;
    ops.thread_end = entry<device>::thread_end;
    return ops;
}

template <class Device> spd_ops ops_of(const Device &served) noexcept
{
    if constexpr (std::is_convertible_v<Device *, async_device *>) {
        spd_ops ops = common<async_device>();

        ops.submit = entry<async_device>::submit;
        ops.submits = static_cast<const async_device &>(served).submits();
        return ops;
    } else {
        spd_ops ops = simple_ops();

        static_cast<void>(served);
        if (overrides_readv<Device>::value)
            ops.readv = entry<device>::readv;
        if (overrides_writev<Device>::value)
            ops.writev = entry<device>::writev;
        if (overrides_write_zeroes<Device>::value)
            ops.write_zeroes = entry<device>::write_zeroes;
        return ops;
    }
}

} // namespace detail

/* A storage unit: created with the object, and deleted with it. Its device is declared before it,
 * since operations run until it is deleted. */
class unit {
public:
    /* name: as of spd_unit_create(); an empty one is this system's best door. */
    template <class Device,
        class = std::enable_if_t<std::is_convertible_v<Device *, device *> ||
            std::is_convertible_v<Device *, async_device *>>>
    unit(const std::string &name, Device &served, const spd_params &params)
    {
        using base = std::conditional_t<std::is_convertible_v<Device *, async_device *>,
            async_device, device>;

        create(name, detail::ops_of(served), static_cast<base *>(&served), params);
    }

    /* For calls of spd.h that have no member here. */
    spd_unit *get() const noexcept { return unit_.get(); }

    void add_door(const std::string &name) { check(spd_unit_add_door(get(), name.c_str())); }
    void start(uint32_t threads = 0) { check(spd_unit_start(get(), threads)); }
    void shutdown() noexcept { spd_unit_shutdown(get()); }
    void shutdown_on_signal() { check(spd_unit_shutdown_on_signal(get())); }
    void wait() { check(spd_unit_wait(get())); }
    void wait_for(uint32_t seconds) { check(spd_unit_wait_for(get(), seconds)); }
    void resize(uint64_t blocks) { check(spd_unit_resize(get(), blocks)); }

    uint64_t block_count() const noexcept { return spd_unit_block_count(get()); }
    spd_params params() const
    {
        spd_params filled;

        spd_params_init(&filled, sizeof filled);
        check(spd_unit_params(get(), &filled));
        return filled;
    }
    /* Why the last call failed to change the unit, on any thread, or why it has stopped. */
    std::optional<error> last_error() const
    {
        char detail[1024];
        const int code = spd_unit_last_error(get(), detail, sizeof detail);

        return code ? std::optional<error>(std::in_place, code, detail) : std::nullopt;
    }
    /* Empty past the last door. */
    std::string door_uri(uint32_t index = 0) const { return text(spd_unit_door_uri(get(), index)); }
    std::string door_name(uint32_t index = 0) const
    {
        return text(spd_unit_door_name(get(), index));
    }
    spd_statistics statistics() const
    {
        spd_statistics filled;

        spd_statistics_init(&filled, sizeof filled);
        check(spd_unit_statistics(get(), &filled));
        return filled;
    }
    spd_operation_statistics statistics(spd_operation operation) const
    {
        spd_operation_statistics filled;

        spd_operation_statistics_init(&filled, sizeof filled);
        check(spd_unit_operation_statistics(get(), operation, &filled));
        return filled;
    }

private:
    struct deleter {
        void operator()(spd_unit *unit) const noexcept { spd_unit_delete(unit); }
    };

    static void check(int result)
    {
        if (result)
            throw error(result);
    }
    static std::string text(const char *known) { return known ? known : ""; }

    template <class Device>
    void create(const std::string &name, const spd_ops &ops, Device *served,
        const spd_params &params)
    {
        const spd_device device = {&ops, served};
        spd_unit *made;

        check(spd_unit_create(name.empty() ? nullptr : name.c_str(), &params, &device, &made));
        unit_.reset(made);
    }

    std::unique_ptr<spd_unit, deleter> unit_;
};

} // namespace spd

#endif
