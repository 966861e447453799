"""What the columns of people's tables are called: which one names the picture, which its class, which its split."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

Role = Literal["path", "label", "split"]

#: The names of each role in small letters without spaces and signs, a line for those that are equally likely; earlier
#: lines first: a table with `filename` and `id` is read by `filename`.
_NAMES: dict[Role, tuple[str, ...]] = {
    "path": (
        "path filepath imagepath imgpath picturepath relativepath 경로 파일경로 이미지경로 パス "
        "ファイルパス 画像パス 路径 文件路径 图片路径 图像路径 路徑 檔案路徑 圖片路徑",
        "file filename fname imagefile imagefilename imgfile imagename imgname picturename photoname sourceref 파일 "
        "파일명 파일이름 이미지파일 이미지파일명 이미지명 이미지이름 그림파일 사진파일 ファイル ファイル名 "
        "画像ファイル 画像ファイル名 画像名 文件 文件名 文件名称 图片名 图片名称 图像名 图像名称 图片文件 "
        "檔案 檔名 檔案名稱 圖片名稱 圖檔",
        "image images img imageurl picture pictures pic photo photos 이미지 그림 사진 画像 "
        "写真 图片 图像 照片 圖片 圖像 相片",
        "imageid imgid pictureid photoid fileid 이미지id 画像id 图片id 圖片id",
        "url uri name id uid uuid 이름 名前 名称 名字 名稱 아이디 번호 番号 编号 編號",
    ),
    "label": (
        "label labels 라벨 레이블 ラベル 标签 標籤 标注",
        "class classes classname classlabel labelname category categories categoryname 클래스 클래스명 분류 "
        "범주 카테고리 クラス クラス名 カテゴリ カテゴリー 分類 分类 类别 类 類別 類",
        "choice species breed genre genres style type kind target diagnosis dx finding tag tags 종 품종 장르 종류 "
        "유형 정답 진단 태그 種 ジャンル 種類 種別 正解 診断 タグ 种类 类型 品种 标记 類型 品種",
        "y classid labelid categoryid classindex labelindex classidx labelidx 클래스id クラスid 类别id 類別id",
    ),
    "split": (
        "split splits 분할 스플릿 分割 划分 劃分",
        "subset partition usage phase set dataset datasplit 구분 세트 データセット 区分 数据集 集合 資料集 用途 용도",
    ),
}
_RANKS: dict[str, tuple[Role, int]] = {
    name: (role, rank) for role, lines in _NAMES.items() for rank, line in enumerate(lines) for name in line.split()
}
#: Every word of a header that is not English, which tells in which encoding a table is.
WORDS = frozenset(name for name in _RANKS if not name.isascii())


def fold(name: str) -> str:
    """A column's name without case, width, spaces and signs: `Image_Path` → `imagepath`."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())


def find_role(name: str) -> Role | None:
    found = _RANKS.get(fold(name))
    return found[0] if found else None


def find_columns(names: Sequence[str], role: Role) -> list[str]:
    """The columns that may have a role: all of those whose names are equally likely, none where nothing is known."""
    if role in names:
        return [role]
    ranked = [(_RANKS[fold(name)][1], name) for name in names if find_role(name) == role]
    least = min((rank for rank, _ in ranked), default=0)
    return [name for rank, name in ranked if rank == least]


def match_name(asked: str, names: Iterable[str]) -> str | None:
    """The column that is meant by a name in another case or with other signs."""
    known = list(names)
    if asked in known:
        return asked
    near = [name for name in known if fold(name) == fold(asked)]
    return near[0] if len(near) == 1 else None
