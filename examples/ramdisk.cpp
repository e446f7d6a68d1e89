// SPDX-License-Identifier: BSD-2-Clause
#include <iostream>
#include <spd/spd.hpp>

constexpr size_t BLOCK = 512, BLOCKS = 131072; // 64 MiB

class ram : public spd::device {
    char memory[BLOCKS][BLOCK] = {};

    void read(void *buffer, uint64_t lba, uint32_t blocks, uint32_t) override
    {
        std::memcpy(buffer, memory[lba], blocks * BLOCK);
    }
    void write(const void *buffer, uint64_t lba, uint32_t blocks, uint32_t) override
    {
        std::memcpy(memory[lba], buffer, blocks * BLOCK);
    }
};

int main(int, char **argv) try {
    static ram disk;
    spd::unit unit(argv[1] ? argv[1] : "iscsi://127.0.0.1:0/iqn.2026-01.org.example:ram", disk,
        spd::params(BLOCKS, BLOCK));
    unit.shutdown_on_signal(), unit.start();
    std::cout << "serving " << unit.door_uri() << std::endl;
    unit.wait();
} catch (const std::exception &wrong) {
    std::cerr << wrong.what() << '\n';
    return 1;
}
