@echo off
rem Wine's console programs, with files and keys made here.
echo hello>hello.txt
echo world>>hello.txt
echo alpha>other.txt
find "world" hello.txt
find /c "o" hello.txt
find "nosuch" hello.txt
echo find gave %errorlevel%
md d1
echo one>d1\a.txt
echo two>d1\b.txt
xcopy d1 d2 /i /y
echo xcopy gave %errorlevel%
type d2\b.txt
xcopy nosuch d9 /i
echo xcopy gave %errorlevel%
attrib +r d2\a.txt
attrib d2\a.txt
echo x>d2\a.txt
attrib -r d2\a.txt
attrib d2\*.txt
reg add HKCU\Software\AtomikTest /v Number /t REG_DWORD /d 42 /f
reg add HKCU\Software\AtomikTest /v Text /d hello /f
reg add HKCU\Software\AtomikTest\Sub /ve /d default /f
reg query HKCU\Software\AtomikTest /s
reg export HKCU\Software\AtomikTest exported.reg /y
regedit /e exported.reg HKEY_CURRENT_USER\Software\AtomikTest
reg delete HKCU\Software\AtomikTest /f
reg query HKCU\Software\AtomikTest
echo reg gave %errorlevel%
reg import exported.reg
reg query HKCU\Software\AtomikTest /v Text
reg delete HKCU\Software\AtomikTest /f
net
echo net gave %errorlevel%
expand nosuch.ex_ out.exe
echo expand gave %errorlevel%
start /wait cmd /c exit 5
echo start gave %errorlevel%
start /wait /b cmd /c echo started
taskkill /im nosuch.exe
echo taskkill gave %errorlevel%
cscript //nologo script.js a "b c"
echo cscript gave %errorlevel%
cscript //nologo script.vbs
fc hello.txt other.txt
echo fc gave %errorlevel%
ping
echo ping gave %errorlevel%
